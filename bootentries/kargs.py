"""Kernel arguments as an ordered multimap, with the operations of `ostree admin`.

Only U+0020 separates arguments; double quotes protect it and stay part of the argument.
The key is what stands before the first `=`; a bare word has the value None, which is not
the empty value of `key=`.  An operation that fails leaves the arguments as they were.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bootentries.errors import BootentriesError

# What a bootloader put in front of /proc/cmdline and will put there again.
_LOADER_PREFIXES = ("BOOT_IMAGE=", "initrd=")


def split(text: str) -> list[str]:
    """Return the arguments in `text`; an open quote runs to the end."""
    words: list[str] = []
    word: list[str] = []
    quoted = False
    for char in text:
        if char == '"':
            quoted = not quoted
        if char == " " and not quoted:
            words.append("".join(word))
            word = []
        else:
            word.append(char)
    words.append("".join(word))
    return [word for word in words if word]


def split_pair(arg: str) -> tuple[str, str | None]:
    """Return (key, value) of one argument."""
    key, equals, value = arg.partition("=")
    return key, value if equals else None


@dataclass(frozen=True, slots=True)
class KernelArgs:
    """Arguments in order."""

    args: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "KernelArgs":
        """Return the arguments that a command line holds."""
        return cls(tuple(split(text)))

    @classmethod
    def from_proc_cmdline(cls, text: str) -> "KernelArgs":
        """Return the running kernel's arguments without those that a loader added."""
        words = split(text.rstrip())
        return cls(tuple(word for word in words if not word.startswith(_LOADER_PREFIXES)))

    def __str__(self) -> str:
        return " ".join(self.args)

    def values(self, key: str) -> list[str | None]:
        """Return every value of `key`, in order."""
        return [value for name, value in map(split_pair, self.args) if name == key]

    def get(self, key: str) -> str | None:
        """Return the last value of `key`, or None."""
        found = self.values(key)
        return found[-1] if found else None

    def contains(self, arg: str) -> bool:
        """Return whether the key of `arg` is there, with whatever value."""
        return bool(self.values(split_pair(arg)[0]))

    def append(self, text: str) -> "KernelArgs":
        """Return the arguments with those in `text` added at the end."""
        return KernelArgs((*self.args, *split(text)))

    def append_all(self, texts: Iterable[str]) -> "KernelArgs":
        """Return the arguments with each of `texts` appended."""
        result = self
        for text in texts:
            result = result.append(text)
        return result

    def append_if_missing(self, text: str) -> "KernelArgs":
        """Return the arguments with those in `text` added whose key is not there yet."""
        result = self
        for arg in split(text):
            if not result.contains(arg):
                result = result.append(arg)
        return result

    def replace(self, arg: str) -> "KernelArgs":
        """Return the arguments with `arg` in place of every argument of its key.

        It takes the place of the first one, or goes to the end.  `arg` is not split.
        """
        key = split_pair(arg)[0]
        places = self._places(key)
        if not places:
            return KernelArgs((*self.args, arg))
        kept = [
            arg if index == places[0] else word
            for index, word in enumerate(self.args)
            if index == places[0] or index not in places
        ]
        return KernelArgs(tuple(kept))

    def new_replace(self, text: str) -> "KernelArgs":
        """Return the arguments with values exchanged, by `key=old=new` or `key=new`.

        Raises BootentriesError when the key or the old value is not there, and when
        `key=new` leaves open which of several values is meant.
        """
        result = self
        for arg in split(text):
            result = result._replace_one(arg)
        return result

    def delete(self, text: str) -> "KernelArgs":
        """Return the arguments without those in `text`.

        Raises BootentriesError when one is not there, or when a bare key leaves open
        which of several values is meant.
        """
        result = self
        for arg in split(text):
            result = result._delete_one(arg)
        return result

    def delete_if_present(self, text: str) -> "KernelArgs":
        """Return the arguments without those in `text` whose key is there."""
        result = self
        for arg in split(text):
            if result.contains(arg):
                result = result._delete_one(arg)
        return result

    def _places(self, key: str) -> list[int]:
        return [index for index, arg in enumerate(self.args) if split_pair(arg)[0] == key]

    def _delete_one(self, arg: str) -> "KernelArgs":
        key, value = split_pair(arg)
        places = self._places(key)
        if not places:
            raise _fault("delete", arg, "no such argument", self)
        if len(places) == 1 and value is None:
            return self._without(places[0])
        for place in places:
            if split_pair(self.args[place])[1] == value:
                return self._without(place)
        if value is None:
            raise _fault("delete", arg, f"{key!r} has several values, name one", self)
        raise _fault("delete", arg, f"{key!r} has no value {value!r}", self)

    def _replace_one(self, arg: str) -> "KernelArgs":
        key, value = split_pair(arg)
        places = self._places(key)
        if not places:
            raise _fault("replace", arg, "no such argument", self)
        old, equals, new = (value or "").partition("=")
        if equals:
            for place in places:
                if split_pair(self.args[place])[1] == old:
                    return self._with(place, f"{key}={new}")
            raise _fault("replace", arg, f"{key!r} has no value {old!r}", self)
        if len(places) > 1:
            raise _fault("replace", arg, f"{key!r} has several values, name the old one", self)
        return self._with(places[0], arg)

    def _without(self, place: int) -> "KernelArgs":
        return KernelArgs(self.args[:place] + self.args[place + 1 :])

    def _with(self, place: int, arg: str) -> "KernelArgs":
        return KernelArgs((*self.args[:place], arg, *self.args[place + 1 :]))


def _fault(verb: str, arg: str, reason: str, args: KernelArgs) -> BootentriesError:
    return BootentriesError(
        f"{verb} kernel argument", arg, reason, hint=f"the arguments are: {args}"
    )


@dataclass(frozen=True, slots=True)
class KargEdit:
    """The options of `instutil set-kargs`, in the order in which they work."""

    import_proc: bool = False
    merge: bool = False
    replace: tuple[str, ...] = ()
    append: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    args: tuple[str, ...] = ()

    def apply(self, present: str, proc_cmdline: str) -> KernelArgs:
        """Return the new arguments; without import and merge it starts from none.

        Raises BootentriesError when there is nothing to delete.
        """
        result = KernelArgs()
        if self.import_proc:
            result = KernelArgs.from_proc_cmdline(proc_cmdline)
        elif self.merge:
            result = KernelArgs.parse(present)
        for arg in self.replace:
            result = result.replace(arg)
        result = result.append_all((*self.append, *self.args))
        for arg in self.delete:
            result = result.delete(arg)
        return result
