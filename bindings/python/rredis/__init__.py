"""librredis for Python, by redis-py's names: `rredis.Redis(...)`, `rredis.from_url(...)`, and `rredis.asyncio`."""

from ._ffi import ffi as _ffi, lib as _lib
from .client import IDEMPOTENT, NO_RETRY, RAW, Redis
from .connection import Connection
from .exceptions import *  # noqa: F403
from .exceptions import Outcome, Status
from .options import Options
from .pipeline import Pipeline
from .pubsub import PubSub
from .script import Script

StrictRedis = Redis
from_url = Redis.from_url
__version__ = _ffi.string(_lib.rredis_version()).decode()
