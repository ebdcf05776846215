"""Whether KVM works here: proved by booting a kernel within seconds, never assumed.

`/dev/kvm` can exist and guests still spin, or die on an instruction that a nested hypervisor
does not emulate.  The answer is remembered for this machine, kernel and QEMU.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from bootvm.errors import BootvmError
from bootvm.firmware import cache_directory
from bootvm.spec import Firmware, VmSpec
from bootvm.vm import QEMU, Vm

DEVICE = Path("/dev/kvm")
DEADLINE = 15.0
PROOF = "Linux version"


def _identity() -> str:
    """Changes whenever the old answer could be wrong."""
    version = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False)
    machine = Path("/etc/machine-id")
    parts = [
        version.stdout,
        os.uname().release,
        machine.read_text() if machine.exists() else "",
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _host_kernel() -> Path | None:
    readable = [path for path in Path("/boot").glob("vmlinuz*") if os.access(path, os.R_OK)]
    return max(readable, key=lambda path: path.stat().st_mtime, default=None)


def probe(kernel: Path) -> bool:
    """Boots `kernel` under KVM; True when it greets before the deadline."""
    spec = VmSpec(
        firmware=Firmware.DIRECT,
        kernel=kernel,
        cmdline="console=ttyS0 earlyprintk=ttyS0 panic=-1",
        memory=256,
        cpus=1,
        kvm=True,
    )
    try:
        with Vm(spec, name="kvm-probe", logs=cache_directory()) as vm:
            vm.wait_for(PROOF, DEADLINE)
    except BootvmError:
        return False
    return True


def usable(kernel: Path | None = None) -> bool:
    """Whether to use KVM; False too when there is no kernel to prove it with."""
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return False
    memory = cache_directory() / "kvm.json"
    try:
        known = dict(json.loads(memory.read_text()))
    except (OSError, ValueError):
        known = {}
    identity = _identity()
    if isinstance(known.get(identity), bool):
        return bool(known[identity])
    proof = kernel or _host_kernel()
    if proof is None:
        return False
    answer = probe(proof)
    unfinished = memory.with_name(f"kvm.{os.getpid()}.json")
    unfinished.write_text(json.dumps({identity: answer}))
    unfinished.replace(memory)
    return answer
