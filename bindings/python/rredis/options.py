"""Options of a client: an rredis_options made of a URL and of keyword arguments, with the functions that a program brings."""

from . import _transport
from ._ffi import CALLBACK, OK, fail, ffi, interrupted, lib, on_error, to_bytes, note
from ._values import plain
from .exceptions import ConfigError, check

# redis-py's names, as the library's, and how many of the library's units one of redis-py's is.
_NAMES = {
    "db": ("database", 1),
    "unix_socket_path": ("unix_path", 1),
    "socket_timeout": ("command_timeout_ms", 1000),
    "socket_connect_timeout": ("connect_timeout_ms", 1000),
    "health_check_interval": ("health_check_ms", 1000),
    "max_connections": ("pool_max", 1),
    "timeout": ("pool_wait_ms", 1000),
    "lib_name": ("library_name", 1),
    "ssl": ("tls", 1),
    "ssl_ca_certs": ("tls_ca_file", 1),
    "ssl_ca_path": ("tls_ca_dir", 1),
    "ssl_ca_data": ("tls_ca_pem", 1),
    "ssl_certfile": ("tls_cert_file", 1),
    "ssl_keyfile": ("tls_key_file", 1),
}
# The library reads any reply of any server: what needs no setting.
_IGNORED = {"encoding_errors"}

OPTIONS = {name[len("RREDIS_OPTION_") :].lower(): at for at, name in ffi.typeof("rredis_option").elements.items()}
_WORDS = {
    OPTIONS["topology"]: {"single": 0, "cluster": 1, "sentinel": 2},
    OPTIONS["read_from"]: {"primary": 0, "prefer_replica": 1, "replica": 2, "any": 3, "zone": 4},
    OPTIONS["share"]: {"never": 0, "busy": 1, "always": 2},
    OPTIONS["shape"]: {"canonical": 0, "raw": 1},
    OPTIONS["parser"]: {"auto": 0, "fast": 1, "simple": 2},
}


class Options:
    """What clients are made of. `keep` has what C points at: it lives as long as the clients."""

    def __init__(
        self,
        url=None,
        *,
        on_event=None,
        on_push=None,
        credential_provider=None,
        transport=None,
        interruptible=True,
        **settings,
    ):
        made = lib.rredis_options_new()
        if not made:
            raise MemoryError
        self.handle = ffi.gc(made, lib.rredis_options_free)
        self.keep = []
        self._err = ffi.new("rredis_error *")
        if url is not None:
            text = to_bytes(url)
            check(lib.rredis_options_set_url(self.handle, text, len(text), self._err), self._err)
        for name, value in settings.items():
            if value is not None and name not in _IGNORED:
                self._set(name, value)
        if interruptible:
            check(lib.rredis_options_on_interrupt(self.handle, interrupted, ffi.NULL, ffi.NULL, self._err), self._err)
        if on_event is not None:
            self._receiver(lib.rredis_options_on_event, on_event)
        if on_push is not None:
            self._receiver(lib.rredis_options_on_push, on_push)
        if credential_provider is not None:
            self._own(lib.rredis_options_set_credentials, _credentials, credential_provider)
        if transport is not None:
            struct = _transport.struct(self._held(transport))
            check(lib.rredis_options_set_transport(self.handle, struct, self._err), self._err)

    def _set(self, name, value):
        name, unit = _NAMES.get(name, (name, 1))
        option = OPTIONS.get(name, OPTIONS.get(name + "_ms"))
        if option is None:
            raise ConfigError(f"there is no option {name}")
        value = _WORDS.get(option, {}).get(value, value) if isinstance(value, str) else value
        if isinstance(value, (str, bytes)):
            text = to_bytes(value)
            check(lib.rredis_options_set_str(self.handle, option, text, len(text), self._err), self._err)
        else:
            check(lib.rredis_options_set_int(self.handle, option, int(value * unit), self._err), self._err)

    def number(self, name):
        """The number of an option, or its default."""
        out = ffi.new("int64_t *")
        check(lib.rredis_options_get_int(self.handle, OPTIONS[name], out, self._err), self._err)
        return out[0]

    def _held(self, thing):
        handle = ffi.new_handle(thing)
        self.keep.append(handle)
        return handle

    def _own(self, setter, function, thing):
        check(setter(self.handle, function, self._held(thing), ffi.NULL, self._err), self._err)

    def _receiver(self, setter, function):
        self._own(setter, _receive, function)

    def __str__(self):
        out = ffi.new("rredis_reply **")
        check(lib.rredis_options_to_url(self.handle, out, self._err), self._err)
        try:
            return plain(out[0]).decode()
        finally:
            lib.rredis_reply_free(out[0])


@ffi.callback("rredis_reply_fn", onerror=on_error)
def _receive(user_data, reply):
    try:
        ffi.from_handle(user_data)(plain(reply))
    except BaseException as exception:
        note(exception)


@ffi.callback("rredis_credentials_fn", error=CALLBACK, onerror=on_error)
def _credentials(user_data, _endpoint, _endpoint_len, builder, err):
    try:
        provider = ffi.from_handle(user_data)
        given = provider.get_credentials() if hasattr(provider, "get_credentials") else provider()
        user, password = given if len(given) == 2 else (None, given[0])
        for text in (user, password):
            if text is None:
                lib.rredis_builder_add_null(builder)
            else:
                text = to_bytes(text)
                lib.rredis_builder_add_text(builder, lib.RREDIS_REPLY_STRING, text, len(text))
        return OK
    except BaseException as exception:
        return fail(err, exception)
