"""A Debian system in an overlay, with our program, for tests of `install-units`."""

PACKAGES = ("ostree-boot", "python3", "python3-click", "systemd")
# $BASE, $CHROOT and $CHECKOUT are given; the root is $BASE/root, and the working directory.
SETUP = """
set -e
mkdir $BASE; mount -t tmpfs layers $BASE; mkdir $BASE/upper $BASE/work $BASE/root
options=lowerdir=$CHROOT,upperdir=$BASE/upper,workdir=$BASE/work
mount -t overlay -o $options units $BASE/root; cd $BASE/root
mount -t proc proc proc
for name in bootentries prepare_root; do
  mkdir usr/lib/python3/dist-packages/$name
  mount --bind $CHECKOUT/$name usr/lib/python3/dist-packages/$name
done
"""
