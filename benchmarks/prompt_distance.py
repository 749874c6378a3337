"""How near prompts are to those of a model's training: the highest cosine of sentence embeddings, by kind of prompt.

`python benchmarks/prompt_distance.py` prints, for paraphrases of trained conditions, prompts of other tasks, and texts
that are no prompt, the range of cosines and the nearest condition. It takes seconds; no map is predicted.
"""

import argparse

import numpy as np

from mindaam import runtime
from mindaam.data import prompts
from mindaam.data.prompts.trained import trained_prompts

MODEL = "aam_dinov2_vits14"
PARAPHRASES = {
    "free_viewing": ["A person looks at a photo without any task.", "Just look at the image as you like.",
                     "Someone casually views a picture.", "Observers freely view a natural scene."],
    "count_people": ["Someone counts the people in the image.", "How many people are there?", "Count the persons.",
                     "A viewer determines the number of people in a crowd."],
    "judge_emotion": ["Someone judges the mood of the people.", "How do these people feel?",
                      "Rate the emotion of the scene.", "A viewer decides whether the faces look happy or sad."],
    "describe_occasion": ["What event is this?", "Someone describes what is going on in the image.",
                          "Name the activity of the people.", "A viewer tells what is happening here."],
}  # fmt: skip
OTHER_TASKS = [
    "Someone searches for a red car.", "A driver watches the road ahead.", "A designer checks the layout of a poster.",
    "A customer wants to buy a pair of shoes.", "Someone looks for the exit.", "A doctor reads an X-ray of a lung.",
    "A reader reads the text of a newspaper.", "A child looks for a dog.", "A cook looks at the ingredients.",
    "A pilot checks the instruments.", "A visitor of a museum looks at a painting.", "A player aims at the enemy.",
]  # fmt: skip
NO_PROMPTS = [
    "asdf qwer zxcv", "42", "lorem ipsum dolor sit amet", "blue", "The stock market fell by three percent.",
    "import numpy as np", "一个人在看一张照片", "人々を数える", "x y z", "To be or not to be, that is the question.",
]  # fmt: skip


def main():
    """Prints one line per kind of prompt, then the cosine of each prompt."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    runtime.configure(mode="graph")
    from mindaam.zoo.embeddings import stored_embeddings
    from mindaam.zoo.factory import load_sentence_encoder
    from mindaam.zoo.index import record

    encoder = load_sentence_encoder("minilm_l6")
    trained = trained_prompts(record(MODEL).trained, stored_embeddings("minilm_l6"))
    held_out = [prompts.held_out_prompt("", name) for name in PARAPHRASES]
    kinds = {
        "held-out paraphrase": (held_out, list(PARAPHRASES)),
        "paraphrase": ([text for pool in PARAPHRASES.values() for text in pool],
                       [name for name, pool in PARAPHRASES.items() for _ in pool]),
        "visual_search, web_pages": ([text for name in ("visual_search", "web_pages")
                                      for text in prompts.training_prompts("", name)], None),
        "other tasks": (OTHER_TASKS, None),
        "no prompt": (NO_PROMPTS, None),
    }  # fmt: skip
    rows = []
    for kind, (texts, right) in kinds.items():
        found = [trained.nearest(each) for each in encoder.encode(texts)]
        values = np.array([each.cosine for each in found])
        named = ""
        if right is not None:
            hits = np.mean([each.condition == name for each, name in zip(found, right, strict=True)])
            named = f", the nearest condition is theirs in {hits:.0%}"
        span = f"{values.min():.2f} to {values.max():.2f}, median {np.median(values):.2f}"
        print(f"{kind}: n {len(texts)}, {span}{named}")
        rows += [(each.cosine, kind, each.condition, text) for each, text in zip(found, texts, strict=True)]
    for cosine, kind, condition, text in sorted(rows):
        print(f"{cosine:.2f}  {kind:25} {condition:18} {text}")


if __name__ == "__main__":
    main()
