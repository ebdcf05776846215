# Every command that the README or a page in docs/ names.
#
#   make demo       the whole chain on real parts, from a fresh Debian machine to `login:`
#   make test       unit, namespace and VM tests, from the same fresh machine
#   make differential  300 random sequences of verbs, beside the real `ostree admin`
#   make faults     every write-class system call of every writing verb fails once
#   make fuzz       millions of inputs for the readers of the boot side; FUZZ='NAME…' for some
#   make crash      power cuts at every write, of ours and of libostree's; EFFORT=1 for a part
#   make check      lint, types and unit tests, in under a minute
#   make bench      measurements side by side with the real peers
#   make picture    the picture in the README: the demo, as it ended

SHELL := /bin/bash
PYTHON ?= /usr/bin/python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := build/stamp
WORKERS ?= 2
PYTEST = $(PY) -m pytest -n $(WORKERS) --dist loadfile

# One machine for each chain; `make test-vm` runs the rest of tests/vm, too.
VM_CHAIN := $(wildcard tests/vm/test_bootvm.py tests/vm/test_initramfs_image.py \
              tests/vm/test_dracut_image.py tests/vm/test_live_kargs.py tests/vm/test_chain.py \
              tests/vm/test_links.py tests/vm/test_grub_menu.py tests/vm/test_same_mounts.py \
              tests/vm/test_bench.py tests/vm/test_fat_boot.py tests/vm/test_switches.py \
              tests/vm/test_staging.py tests/vm/test_order.py tests/vm/test_boot_side.py \
              tests/vm/test_living_update.py tests/vm/test_living_killed.py \
              tests/vm/test_esp_damage.py tests/vm/test_root_matrix.py tests/vm/test_own_image.py \
              tests/vm/test_policies.py tests/vm/test_initramfs_tools.py \
              tests/vm/test_matrix.py tests/vm/test_matrix_boots.py \
              tests/vm/test_living_sdboot.py tests/vm/test_esp_refind.py \
              tests/vm/test_esp_crash.py tests/vm/test_crash.py tests/vm/test_composefs.py)
SHELL_FILES := .ci/run scripts/setup-host qemu/bootvm/agent.sh dracut-module/install \
               $(wildcard dracut-module/*/*.sh) initramfs-tools/install \
               initramfs-tools/hooks/bootchain initramfs-tools/scripts/local-bottom/bootchain \
               mkinitcpio/install.sh mkinitcpio/install/bootchain

.DELETE_ON_ERROR:
.PHONY: setup check lint types unit ns test test-vm differential crash faults fuzz demo picture bench \
        install-dracut install-initramfs-tools install-mkinitcpio clean

# ---- set-up -----------------------------------------------------------------

$(STAMP)/host: scripts/setup-host
	scripts/setup-host
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/venv: pyproject.toml setup.py prepare_root/sys/bootsys.c prepare_root/sys/bootsys.h $(STAMP)/host
	@echo "==> virtual environment in $(VENV)"
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet --editable '.[dev]'
	@touch $@

setup: $(STAMP)/venv

# ---- quick checks -----------------------------------------------------------

lint: $(STAMP)/venv
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	shellcheck $(SHELL_FILES)
	shellcheck --shell=dash mkinitcpio/hooks/bootchain

types: $(STAMP)/venv
	$(VENV)/bin/mypy

# One more than two processors: some of them wait for a disk or a clock.
unit: WORKERS := 3
unit: $(STAMP)/venv
	$(PYTEST) -q tests/unit

check: lint types unit

# ---- tests ------------------------------------------------------------------

ns: $(STAMP)/venv
	$(PYTEST) tests/ns

# Unit, namespaces, and one machine for each chain, in one run.
test: $(STAMP)/venv
	$(PYTEST) tests/unit tests/fuzz tests/ns $(VM_CHAIN)

test-vm: $(STAMP)/venv
	$(PYTEST) tests/vm

# So many for each of three: 2026.4 beside ours; the same, changing tools; 2025.2, too.
SEQUENCES ?= 100

# Random sequences of verbs beside the real `ostree admin`, without a fixed seed; then what is
# compared step by step, with both versions of it.
differential: $(STAMP)/venv
	BOOTCHAIN_SEQUENCES=$(SEQUENCES) $(PYTEST) --dist load tests/ns/test_differential.py
	BOOTCHAIN_SUITES=trixie,sid $(PYTEST) tests/ns/test_prepare_root_differential.py \
	    tests/ns/test_interop.py tests/ns/test_verbs.py tests/ns/test_deploy.py \
	    tests/ns/test_etc_merge.py tests/ns/test_loaders.py
	BOOTCHAIN_MATRIX=2000 $(PYTEST) tests/ns/test_composefs_differential.py
	BOOTCHAIN_MATRIX=1000 BOOTCHAIN_MATRIX_BOOTS=20 $(PY) -m pytest tests/vm/test_matrix.py \
	    tests/vm/test_matrix_boots.py tests/vm/test_matrix_systemd.py

# ---- to be seen -------------------------------------------------------------

$(STAMP)/fuzz: $(STAMP)/venv
	$(PY) -m pip install --quiet --editable '.[fuzz]'
	@touch $@

fuzz: $(STAMP)/fuzz
	$(PY) tests/fuzz/guided.py $(FUZZ)

# Below an hour; the results are in build/crash, and their table in docs/crash.md.  Each worker
# has its part of the layouts, so that few of them are recorded twice; a third one works while
# two wait for a disk.
crash: $(STAMP)/venv
	rm -rf build/crash
	BOOTCHAIN_CRASH_EFFORT=$(or $(EFFORT),4) $(PY) -m pytest -s -n 3 --dist worksteal --timeout 5400 \
		tests/vm/test_crash.py tests/vm/test_esp_crash.py
	$(PY) -m bootvm.crash.table build/crash --write docs/crash.md

# Minutes: see docs/faults.md, whose table it writes.
faults: $(STAMP)/venv
	@mkdir -p build
	$(PY) scripts/faults --json build/faults.json --write docs/faults.md

demo: $(STAMP)/venv
	$(PY) scripts/demo

picture: $(STAMP)/venv
	$(PY) scripts/demo --picture docs/demo.svg

bench: $(STAMP)/venv
	$(PY) scripts/bench $(BENCH)

# ---- to be installed --------------------------------------------------------

build/prepare-root: $(STAMP)/venv $(wildcard prepare_root/*.py prepare_root/formats/*.py \
                      prepare_root/image/*.py prepare_root/sys/*.[ch] prepare_root/sys/*.ld)
	$(VENV)/bin/prepare-root-image binary $@

install-dracut: build/prepare-root
	dracut-module/install $< $(DESTDIR)

install-initramfs-tools: build/prepare-root
	initramfs-tools/install $< $(DESTDIR)

install-mkinitcpio: build/prepare-root
	mkinitcpio/install.sh $< $(DESTDIR)

clean:
	rm -rf build dist *.egg-info
