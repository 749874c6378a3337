#!/usr/bin/env bash
# Checks the requirements of training on this machine and reports problems.
#
#   check_env.sh [--workers N] [--out DIR]
#
#   --workers N   number of devices for a run (8; with DEVICE_TARGET=CPU 2)
#   --out DIR     folder of runs, whose free space is checked (default: current folder)
#
# Exit code 0: all requirements are met; 1: something is missing. With DEVICE_TARGET=CPU only the requirements of a CPU are
# checked. The checks of driver, CANN and devices parse files and tables in their documented format; they have not been
# run on an Ascend machine yet.

# shellcheck source=ascend_scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

GB_DISK=20        # free space for the checkpoints and logs of a run
PERCENT_FREE=80   # of the memory of a device; less indicates another process
MINDSPORE=2.9 MINDFORMERS=1.9 CANN=9.0.0 DRIVER=26.0.RC1
ASCEND_HOME="${ASCEND_HOME_PATH:-/usr/local/Ascend/ascend-toolkit/latest}"
missing=0

good() { printf '  ok       %s\n' "$*"; }
note() { printf '  note     %s\n' "$*"; }
# wrong PROBLEM FIX: the fix is a command to copy, or what to do where no command does it.
wrong() {
    printf '  MISSING  %s\n' "$1"
    printf '           fix: %s\n' "$2"
    missing=$((missing + 1))
}

# version_in FILE: the value of its first line Version=1.2.3, or nothing.
version_in() {
    if [[ -f "$1" ]]; then awk -F= 'tolower($1) ~ /^ *version *$/ { gsub(/[][ "]/, "", $2); print $2; exit }' "$1"; fi
}

matrix() {
    cat <<'TABLE'
Compatible versions (from the installation page of MindSpore Transformers 1.9; other rows are older releases):
  MindAAM    MindSpore   MindFormers   CANN      driver and firmware
  this one   2.9.0       1.9.0         9.0.0     26.0.RC1
  unknown    2.7.2       1.8.0         8.5.0     25.5.0
  unknown    2.7.1       1.7.0         8.3.RC1   25.3.RC1
  unknown    2.7.0       1.6.0         8.2.RC1   25.2.0
  "unknown": MindAAM requires MindSpore 2.9 and was not tested with others. Later versions are not listed here.
TABLE
}

check_python() {
    local report kind line fix
    printf 'Python and packages\n'
    if ! command -v "$PYTHON" >/dev/null; then
        wrong "$PYTHON was not found" "activate the environment in which MindAAM is installed, or: PYTHON=/path/to/python $0"
        return
    fi
    report="$("$PYTHON" - "$MINDSPORE" "$MINDFORMERS" <<'PYTHON_CODE'
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path


def release(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def say(kind, what, fix=""):
    print(kind, what, fix, sep="\t")


mindspore, mindformers = sys.argv[1:]
ours = platform.python_version()
known = (3, 10) <= sys.version_info[:2] <= (3, 12)
venv = "python3.11 -m venv .venv && . .venv/bin/activate && pip install -e '.[ascend]'"
say("good" if known else "wrong", f"Python {ours}" + ("" if known else "; MindSpore 2.9 has builds for 3.10 to 3.12"), venv)
for package, wanted in (("mindspore", mindspore), ("mindaam", None)):
    found = release(package)
    if found is None:
        say("wrong", f"{package} is not installed", "pip install -e . (in the checkout; it installs both)")
    elif wanted and not found.startswith(wanted + "."):
        say("wrong", f"{package} {found}; MindAAM requires {wanted}", f"pip install '{package}=={wanted}.*'")
    else:
        say("good", f"{package} {found}")
found = release("mindformers")
fits = found is not None and found.startswith(mindformers + ".")
said = f"mindformers {found or 'is not installed'}"
how = f"; only `mindaam train --mindformers` needs it, release {mindformers}: pip install -e '.[mindformers]'"
say("good" if fits else "note", said + ("" if fits else how))
numpy = release("numpy")
if numpy and int(numpy.split(".")[0]) >= 2:
    say("wrong", f"numpy {numpy}; MindSpore 2.9 fails with NumPy 2", "pip install 'numpy<2'")
msrun = Path(sys.executable).with_name("msrun").exists() or shutil.which("msrun")
said = "msrun" if msrun else "msrun, which starts the ranks, was not found"
say("good" if msrun else "wrong", said, f"pip install --force-reinstall 'mindspore=={mindspore}.*'")
PYTHON_CODE
)" || wrong "$PYTHON does not run" "PYTHON=/path/to/python $0"
    while IFS=$'\t' read -r kind line fix; do
        case "$kind" in
        wrong) wrong "$line" "$fix" ;;
        good | note) "$kind" "$line" ;;
        esac
    done <<<"$report"
}

check_computing() {
    local answer
    printf 'MindSpore on %s\n' "$DEVICE_TARGET"
    if answer="$(GLOG_v=3 "$PYTHON" - "$DEVICE_TARGET" 2>&1 <<'PYTHON_CODE'
import sys

import mindspore as ms
import numpy as np

ms.set_device(sys.argv[1])
half = ms.Tensor(np.full((16, 16), 0.5, np.float32))
assert np.array_equal(ms.ops.matmul(half, half).asnumpy(), np.full((16, 16), 4.0, np.float32)), "wrong product"
PYTHON_CODE
)"; then
        good "the product of two matrices is correct"
    else
        wrong "MindSpore cannot compute: $(awk '/Error/ { line = $0 } END { print line ? line : $0 }' <<<"$answer")" \
            "fix what is missing above first; then $PYTHON -c 'import mindspore; mindspore.run_check()' shows the cause"
    fi
}

check_resources() {
    local folder="${OUT:-.}" free cores memory
    printf 'Memory, cores and disk\n'
    while [[ ! -d "$folder" ]]; do folder="$(dirname "$folder")"; done
    free="$(df -Pk "$folder" | awk 'NR == 2 { printf "%d", $4 / 1048576 }')"
    if ((free < GB_DISK)); then
        wrong "$free GB free under ${OUT:-.}; a run needs about $GB_DISK GB" "choose another place: --out DIR"
    else
        good "$free GB free under ${OUT:-.}"
    fi
    cores="$(nproc)"
    memory="$(awk '/^MemAvailable/ { printf "%d", $2 / 1048576 }' /proc/meminfo)"
    good "$cores cores, $memory GB of memory available"
    if [[ "$DEVICE_TARGET" == CPU ]] && ((cores < WORKERS)); then note "$WORKERS ranks on $cores cores slow each other down"; fi
}

check_driver() {
    local table version
    printf 'Driver and devices\n'
    if ! command -v npu-smi >/dev/null; then
        wrong "npu-smi was not found" \
            "bash Ascend-hdk-910b-npu-driver_${DRIVER}_linux-$(uname -m).run --full (release $DRIVER), or export PATH=/usr/local/sbin:\$PATH"
        return
    fi
    if ! table="$(npu-smi info 2>&1)"; then
        wrong "npu-smi fails: $(head -n 1 <<<"$table")" \
            "add the user to the group HwHiAiUser (usermod -aG HwHiAiUser USER), and in a container pass /dev/davinci*, /dev/davinci_manager, /dev/devmm_svm and /dev/hisi_hdc"
        return
    fi
    version="$(sed -n 's/.*Version: *\([0-9][^ |]*\).*/\1/p' <<<"$table" | head -n 1)"
    if [[ "${version^^}" == "$DRIVER" ]]; then
        good "driver $version"
    else
        note "driver ${version:-of unknown version}; MindSpore $MINDSPORE requires $DRIVER"
    fi
    check_devices "$table"
}

# check_devices TABLE: the output of npu-smi info, with a row of name and health and a row of memory for each device.
check_devices() {
    local devices number name health used total count=0
    devices="$(awk -F'|' '
        NF >= 4 && $3 ~ /^ *(OK|Warning|Alarm|Critical|UNKNOWN) *$/ { split($2, a, " "); split($3, b, " "); next_row = 1; next }
        next_row {
            n = split($4, parts, " "); memory = $4
            match(memory, /[0-9]+ *\/ *[0-9]+ *$/); split(substr(memory, RSTART), m, "/")
            print a[1], a[2], b[1], m[1] + 0, m[2] + 0; next_row = 0
        }' <<<"$1")"
    while read -r number name health used total; do
        if [[ -z "$number" ]]; then continue; fi
        count=$((count + 1))
        if [[ "$health" != OK ]]; then
            wrong "device $number ($name) reports $health" \
                "npu-smi info -t health -i $number shows why; train on others: ASCEND_RT_VISIBLE_DEVICES=... --workers N"
        elif ((total > 0 && (total - used) * 100 < total * PERCENT_FREE)); then
            wrong "device $number ($name) has $((total - used)) of $total MB free: another process uses it" \
                "npu-smi info lists the process; end it, or leave the device out of ASCEND_RT_VISIBLE_DEVICES"
        else
            good "device $number ($name): $((total - used)) of $total MB free"
        fi
    done <<<"$devices"
    if ((count < WORKERS)); then wrong "$count devices, $WORKERS requested" "--workers $count"; fi
}

check_cann() {
    local version="" file
    printf 'CANN and HCCL\n'
    for file in "$ASCEND_HOME/$(uname -m)-linux/ascend_toolkit_install.info" "$ASCEND_HOME/compiler/version.info"; do
        version="${version:-$(version_in "$file")}"
    done
    if [[ -z "$version" ]]; then
        wrong "CANN was not found under $ASCEND_HOME" \
            "install CANN $CANN, toolkit and 910b-ops, then: source /usr/local/Ascend/ascend-toolkit/set_env.sh (it sets ASCEND_HOME_PATH)"
        return
    elif [[ "${version^^}" == "$CANN"* ]]; then
        good "CANN $version"
    else
        note "CANN $version; MindSpore $MINDSPORE requires $CANN"
    fi
    if [[ -z "${ASCEND_OPP_PATH:-}" ]]; then wrong "ASCEND_OPP_PATH is not set" "source $ASCEND_HOME/../set_env.sh"; fi
    if compgen -G "$ASCEND_HOME/lib64/libhccl*.so" >/dev/null || compgen -G "$ASCEND_HOME/*/lib64/libhccl*.so" >/dev/null; then
        good "HCCL library"
    else
        wrong "libhccl.so was not found under $ASCEND_HOME" "install CANN $CANN again: Ascend-cann-toolkit_${CANN}_linux-$(uname -m).run --install"
    fi
    if "$PYTHON" -c 'import hccl' 2>/dev/null; then
        good "HCCL Python package"
    else
        wrong "the Python package hccl, required by MindSpore, was not found" \
            "source $ASCEND_HOME/../set_env.sh, or $PYTHON -m pip install $ASCEND_HOME/lib64/hccl-*.whl $ASCEND_HOME/lib64/te-*.whl"
    fi
}

read_options "--workers" "$@"
check_python
if [[ "$DEVICE_TARGET" != CPU ]]; then
    check_driver
    check_cann
fi
check_computing
check_resources
matrix
if ((missing)); then
    printf '%d requirements are not met\n' "$missing"
    exit 1
fi
printf 'all requirements are met\n'
