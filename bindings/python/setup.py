"""The extension, which is left out where there is no compiler or no rredis.h: RREDIS_INCLUDE names the folder of that."""

import os

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "rredis._native",
            ["rredis/_native.c"],
            include_dirs=[folder for folder in [os.environ.get("RREDIS_INCLUDE")] if folder],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
)
