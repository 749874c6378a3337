"""What sound costs: memory that must not grow with its length, and the time to read it.

    python benchmarks/sound.py [--hours 2] [--only memory]

Each figure comes from a fresh process. memory: windows of 2 s every half second at 16 kHz through a whole sound, of one
minute and of --hours: noise in stereo at 44.1 kHz as WAV, and the AAC of the clip in examples/ again and again, as mp4.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "examples" / "bunny.mp4"
MINUTE = 60.0
GROWTH_MB = 200.0  # what the long sound may take more than the short one
RATE, WINDOW, STEP = 44_100, 2.0, 0.5


def main():
    """Runs the parts that are asked for."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--hours", type=float, default=2.0, help="length of the long sound")
    options.add_argument("--only", choices=PARTS, help="one part only")
    options.add_argument("--worker", nargs=2, metavar=("TASK", "IN"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.worker:
        task, source = asked.worker
        print(json.dumps(TASKS[task](Path(source))))
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    for name in [asked.only] if asked.only else PARTS:
        PARTS[name](asked)


def memory(asked):
    """Prints the peak memory of long sounds against that of short ones."""
    for title, suffix, make in (("WAV", "wav", noise), ("AAC in mp4", "mp4", repeated)):
        with tempfile.TemporaryDirectory() as folder:
            few, many = (
                in_fresh_process("windows", make(Path(folder) / f"a.{suffix}", seconds))
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
    """The packets of the clip's sound again and again, for that many seconds; nothing is encoded anew."""
    import av

    with av.open(str(CLIP)) as source, av.open(str(path), "w") as film:
        stream = source.streams.audio[0]
        target = film.add_stream_from_template(stream)
        packets = [(bytes(packet), packet.duration) for packet in source.demux(stream) if packet.size]
        time_base, place = stream.time_base, 0
        while place * time_base < seconds:
            for data, duration in packets:
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.duration = target, time_base, duration
                packet.pts = packet.dts = place
                film.mux(packet)
                place += duration
    return path


def windows(source):
    """Windows all through a sound, one after another."""
    from mindaam.data.sound_track import SoundTrack

    started, count = time.perf_counter(), 0
    with SoundTrack(source) as track:
        for middle in np.arange(0, track.duration, STEP):
            track.window(middle, WINDOW)
            count += 1
        length = track.duration
        if track.problem:
            raise SystemExit(track.problem)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB
    return {"length": length, "windows": count, "seconds": time.perf_counter() - started, "peak_mb": peak}


PARTS = {"memory": memory}
TASKS = {"windows": windows}


def in_fresh_process(task, source):
    """A task's figures, from a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--worker", task, str(source)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
