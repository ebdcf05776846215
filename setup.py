"""Build of the host's system-call extension; everything else is in pyproject.toml.

The same C source is linked into the static executable.  The extension is optional:
without a compiler `bootentries` falls back to its ctypes module.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "_bootsys",
            sources=["prepare_root/sys/bootsys.c"],
            depends=["prepare_root/sys/bootsys.h"],
            define_macros=[("Py_LIMITED_API", "0x030b0000")],
            extra_compile_args=["-Wall", "-Wextra"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
