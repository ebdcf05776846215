"""What configuration, command line and deployment ask of a composefs root."""

from prepare_root import files
from prepare_root.errors import Failure, show
from prepare_root.formats import cmdline as kernel_cmdline
from prepare_root.formats.config import Config
from prepare_root.plan import Image
from prepare_root.target import Target

KARG = b"ostree.prepare-root.composefs"
NAME = b".ostree.cfs"
NO, YES, MAYBE = "no", "yes", "maybe"

_WORDS = {b"yes": YES, b"true": YES, b"1": YES, b"no": NO, b"false": NO, b"0": NO, b"maybe": MAYBE}


class Policy:
    """`enabled` is `no`, `yes` or `maybe`; the others say what has to be proved of an image."""

    __slots__ = ("enabled", "signed", "verity")

    def __init__(self, enabled: str, verity: bool, signed: bool) -> None:
        self.enabled = enabled
        self.verity = verity
        self.signed = signed


def policy(config: Config, cmdline: bytes) -> Policy:
    """What holds for this boot: the configuration, unless the command line says otherwise.

    The argument is libostree's: any value but `signed` takes signatures off, and fs-verity
    stays as configured.  `verity`, which libostree refuses, is taken too.  Raises Failure.
    """
    word = config.composefs
    asked = Policy(_WORDS.get(word, YES), word in (b"verity", b"signed"), word == b"signed")
    value = kernel_cmdline.find_raw(cmdline, KARG)
    if value is None:
        return asked
    if value in (b"signed", b"verity"):
        return Policy(YES, True, value == b"signed")
    if value not in _WORDS:
        raise Failure(
            "read kernel command line",
            show(KARG),
            f"'{show(value)}' is not one of yes, no, maybe, signed, verity",
        )
    return Policy(_WORDS[value], asked.verity, False)


def look(root: bytes, target: Target, asked: Policy, config: Config) -> Image | None:
    """The deployment's image, with what it must be, or None for a plain root.

    `root` is the physical root's path.  A signed image's digest is known afterwards, and its
    signature was right; nothing is mounted.  Raises Failure, and OSError.
    """
    if asked.enabled == NO:
        return None
    directory = root + b"/" + target.path
    if files.lstat(directory + b"/" + NAME) is None:
        if asked.enabled == MAYBE:
            return None
        raise Failure(
            "mount root",
            show(target.path + b"/" + NAME),
            "the deployment has no composefs image",
            "deploy with [ex-integrity] composefs=true in the repository's configuration,"
            " or set [composefs] enabled=maybe",
        )
    digest = b""
    if asked.signed:
        from prepare_root import signature  # noqa: PLC0415 - signed roots only

        checksum = target.checksum.decode("ascii")
        digest = signature.signed_digest(root, checksum, config.composefs_keypath)
    return Image(
        directory=directory,
        name=NAME,
        objects=root + b"/ostree/repo/objects",
        verity=asked.verity,
        digest=digest,
        keypath=config.composefs_keypath if asked.signed else None,
        transient=config.root_transient,
        readonly=config.root_transient_ro or not config.root_transient,
    )
