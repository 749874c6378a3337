"""The cost of audio: memory that must not grow with its length, and the time that it adds to a video.

    python benchmarks/audio.py [--hours 2] [--rounds 2] [--only memory|video|files]

Each figure comes from a fresh process. memory: windows of 2 s every half second at 16 kHz through whole audio of one
minute and of --hours: noise in stereo at 44.1 kHz as WAV, and the AAC of the clip in examples/ again and again, as mp4.
video: the clip's first 32 frames through aam_dinov3_vits16 at 448 x 448 in clips of 16, audio encoder and fusion
included, against the same frames without audio, in turns; weights are random, which costs the same.
files: --minutes of the clip's audio as WAV, FLAC and Ogg Vorbis: read whole, and 2 s at random places, by libsndfile,
which reads intact files, against FFmpeg, which reads the others; and the size of FLAC against a pack's 16 bits.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from common import CLIP, ConstantEmbedding, in_fresh_process, machine, peak_mb

MINUTE = 60.0
GROWTH_MB = 200.0  # limit of the memory that the long audio takes beyond the short one
SHARE = 0.15  # limit of the time that audio adds, as a share of the video's
FRAMES, CLIP_LENGTH = 32, 16
RATE, WINDOW, STEP = 44_100, 2.0, 0.5


def main():
    """Runs the requested parts."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--hours", type=float, default=2.0, help="length of the long audio")
    options.add_argument("--rounds", type=int, default=2, help="predictions of the video, with and without audio")
    options.add_argument("--minutes", type=float, default=10.0, help="length of the files of the part `files`")
    options.add_argument("--only", choices=PARTS, help="only one part")
    options.add_argument("--worker", nargs=2, metavar=("TASK", "IN"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.worker:
        task, source = asked.worker
        print(json.dumps(TASKS[task](source, asked)))
        return
    print(machine(), flush=True)
    for name in [asked.only] if asked.only else PARTS:
        PARTS[name](asked)


def memory(asked):
    """Prints the peak memory of long audio against that of short audio."""
    for title, suffix, make in (("WAV", "wav", noise), ("AAC in mp4", "mp4", repeated)):
        with tempfile.TemporaryDirectory() as folder:
            few, many = (
                measured(asked, "windows", make(Path(folder) / f"a.{suffix}", seconds))
                for seconds in (MINUTE, 3600 * asked.hours)
            )
        more = many["peak_mb"] - few["peak_mb"]
        met = "met" if more <= GROWTH_MB else "NOT MET"
        print(f"{title}: {many['windows']} windows of {many['length'] / 3600:.2f} h in {many['seconds']:.1f} s, "
              f"{many['length'] / many['seconds']:.0f} x real time")  # fmt: skip
        print(f"  peak memory {many['peak_mb']:.1f} MB against {few['peak_mb']:.1f} MB of {few['length']:.0f} s: "
              f"{more:+.1f} MB (at most {GROWTH_MB:.0f}): {met}", flush=True)  # fmt: skip


def noise(path, seconds):
    """A WAV of stereo noise, written a second at a time."""
    import soundfile

    draw = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        for _ in range(round(seconds)):
            file.write(0.1 * draw.standard_normal((RATE, 2), np.float32))
    return path


def repeated(path, seconds):
    """The audio packets of the clip again and again, for that many seconds; nothing is encoded again."""
    import av

    with av.open(str(CLIP)) as source, av.open(str(path), "w") as video:
        stream = source.streams.audio[0]
        target = video.add_stream_from_template(stream)
        packets = [(bytes(packet), packet.duration) for packet in source.demux(stream) if packet.size]
        time_base, place = stream.time_base, 0
        while place * time_base < seconds:
            for data, duration in packets:
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.duration = target, time_base, duration
                packet.pts = packet.dts = place
                video.mux(packet)
                place += duration
    return path


def video(asked):
    """Prints the cost of a video with its audio against without, of the preset `paper` and of `released`."""
    for preset in ("paper", "released"):
        found = measured(asked, "audio_cost", preset)
        more = found["audio"] / found["silent"] - 1
        met = "met" if more <= SHARE else "NOT MET"
        print(f"S at 448, T = {CLIP_LENGTH}, {preset}: {found['audio']:.2f} s per frame with audio, "
              f"{found['silent']:.2f} s without: {more:+.1%} (at most {SHARE:.0%}): {met}", flush=True)  # fmt: skip


def audio_cost(preset, asked):
    """Median seconds per frame with audio and without."""
    from itertools import islice

    from mindaam import runtime

    runtime.configure(mode="graph", seed=0)
    from mindaam.data.videos.reading import read_frames, video_info
    from mindaam.data.videos.windows import Windows
    from mindaam.encoders.wav2clip import AudioEncoder, Wav2CLIP
    from mindaam.inference.audio_stream import open_audio_stream
    from mindaam.inference.predictor import Predictor
    from mindaam.models.registry import build_model

    model = build_model("aam_dinov3_vits16", preset, changes={"lora": {"last_n_blocks": 0}})  # merged costs the same
    weights = {name: parameter.asnumpy() for name, parameter in Wav2CLIP().parameters_and_names()}
    encoder = AudioEncoder(weights, model.config.sound.normalise)
    predictor, rate = Predictor(model.set_train(False), sentence_encoder=ConstantEmbedding()), video_info(CLIP).rate
    frames = list(islice(read_frames(CLIP), FRAMES))

    def seconds(audio, count):
        audio_stream = open_audio_stream(model.config, CLIP, rate, encoder=encoder) if audio else None
        started = time.perf_counter()
        for _ in predictor.stream(frames[:count], windows=Windows(CLIP_LENGTH, 0), audio_stream=audio_stream):
            pass
        return (time.perf_counter() - started) / count

    for audio in (False, True):  # compiles
        seconds(audio, CLIP_LENGTH)
    times = [(seconds(False, FRAMES), seconds(True, FRAMES)) for _ in range(asked.rounds)]
    return {"silent": float(np.median([a for a, _ in times])), "audio": float(np.median([b for _, b in times]))}


def files(asked):
    """Prints the cost of reading audio files by libsndfile and by FFmpeg, and the size of FLAC."""
    from io import BytesIO

    import soundfile

    from mindaam.data.audio.audio_track import AudioTrack
    from mindaam.data.audio.ffmpeg_audio import FFmpegAudio

    with AudioTrack(CLIP, rate=None) as track:
        clip, rate = track.rest(), track.rate
    wave = np.resize(clip, round(60 * asked.minutes * rate))
    buffer = BytesIO()
    soundfile.write(buffer, wave, rate, "PCM_16", format="FLAC")
    print(f"FLAC, 16 bits: {len(buffer.getvalue()) / (2 * len(wave)):.2f} of the bytes of WAV, "
          f"{asked.minutes:g} min of {CLIP.name} at {rate} Hz, mono", flush=True)  # fmt: skip
    places = np.random.default_rng(0).integers(0, max(1, len(wave) - 2 * rate), 20)
    for suffix in ("wav", "flac", "ogg"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"a.{suffix}"
            with soundfile.SoundFile(path, "w", rate, 1) as file:
                for first in range(0, len(wave), rate):  # the Vorbis encoder fails on long arrays
                    file.write(wave[first : first + rate])
            costs = {"libsndfile": [], "FFmpeg": []}
            for _ in range(asked.rounds):
                for name, reader in (
                    ("libsndfile", FFmpegAudio(path, 0).as_libsndfile_audio()),
                    ("FFmpeg", FFmpegAudio(path, 0)),
                ):
                    started = time.perf_counter()
                    for _ in reader.wave(0):
                        pass
                    whole = time.perf_counter()
                    for place in places:
                        read = 0
                        for samples in reader.wave(int(place)):
                            read += len(samples)
                            if read >= 2 * rate:
                                break
                    costs[name].append((whole - started, (time.perf_counter() - whole) / len(places)))
                    reader.close()
        (whole, jump), (other, leap) = (np.median(costs[name], axis=0) for name in costs)
        print(f"{suffix}: whole {whole:.2f} s by libsndfile, {other:.2f} s by FFmpeg ({other / whole:.1f}x); "
              f"2 s anywhere {1000 * jump:.1f} ms, {1000 * leap:.1f} ms ({leap / jump:.1f}x)", flush=True)  # fmt: skip


def windows(source, asked):
    """Windows through a whole audio file, one after another."""
    from mindaam.data.audio.audio_track import AudioTrack

    started, count = time.perf_counter(), 0
    with AudioTrack(source) as track:
        for middle in np.arange(0, track.duration, STEP):
            track.window(middle, WINDOW)
            count += 1
        length = track.duration
        if track.problem:
            raise SystemExit(track.problem)
    return {"length": length, "windows": count, "seconds": time.perf_counter() - started, "peak_mb": peak_mb()}


PARTS = {"memory": memory, "video": video, "files": files}
TASKS = {"windows": windows, "audio_cost": audio_cost}


def measured(asked, task, source):
    """The figures of a task, from a process of its own."""
    return in_fresh_process(__file__, "--rounds", asked.rounds, "--worker", task, source)


if __name__ == "__main__":
    main()
