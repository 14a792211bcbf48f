"""How does nginx run beside a test?  HTTP or HTTPS on one port, in a folder of its own.

    /kept/NAME          PUT stores a body, GET gives it back, DELETE removes it
    /posted/NAME        POST stores a body as /kept/NAME
    /chunked/NAME       GET gives /kept/NAME in chunks, with a trailer
    /until_close/NAME   GET gives /kept/NAME without a length, and closes
    /slow/NAME          GET gives /kept/NAME, 500 bytes now and 500 each second
    /counted            says which connection this is, and which of its requests
    /closes             does, after the third request of a connection, and says that it will
    /idle               does, and closes a connection that is idle for 50 ms
    /unanswered         does for a connection's first request, and closes at any other
    /never              closes without a word
    /small              does, and takes no more than 1000 bytes: else 413 at once
    /moved              301 to /counted
    /seen/...           says what it has understood: method, path, Host, X-Thing, Content-Length
    /sni                says which name the TLS client asked for

nginx's own documents: ngx_http_core_module, ngx_http_dav_module, ngx_http_ssi_module.
"""

import subprocess
import tempfile
import time
from pathlib import Path

from host_tests.portable.host.broker import free_port
from host_tests.portable.host.interpreters import TIED
from tools import toolchain
from tools.ui import UserError

_READY_S = 10

_CONFIG = """\
daemon off;
master_process off;
pid {folder}/pid;
lock_file {folder}/lock;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/temp/body;
  proxy_temp_path {folder}/temp/proxy;
  fastcgi_temp_path {folder}/temp/fastcgi;
  uwsgi_temp_path {folder}/temp/uwsgi;
  scgi_temp_path {folder}/temp/scgi;
  default_type text/plain;
  large_client_header_buffers 2 1k;
  server {{
    listen 127.0.0.1:{port} {ssl};
    {certificate}
    client_max_body_size 1m;
    location /kept/ {{
      alias {folder}/kept/;
      dav_methods PUT DELETE;
    }}
    location /posted/ {{
      proxy_method PUT;
      proxy_pass {scheme}://127.0.0.1:{port}/kept/;
    }}
    location /chunked/ {{
      alias {folder}/kept/;
      ssi on;
      ssi_types text/plain;
      add_trailer X-End reached;
    }}
    location /until_close/ {{
      alias {folder}/kept/;
      ssi on;
      ssi_types text/plain;
      chunked_transfer_encoding off;
    }}
    location /slow/ {{
      alias {folder}/kept/;
      limit_rate 500;
    }}
    location = /counted {{
      return 200 "$connection $connection_requests";
    }}
    location = /closes {{
      keepalive_requests 3;
      return 200 "$connection $connection_requests";
    }}
    location = /idle {{
      keepalive_timeout 50ms;
      return 200 "$connection $connection_requests";
    }}
    location = /unanswered {{
      if ($connection_requests != 1) {{
        return 444;
      }}
      return 200 "$connection $connection_requests";
    }}
    location = /never {{
      return 444;
    }}
    location = /small {{
      client_max_body_size 1000;
      return 200 "$connection $connection_requests";
    }}
    location = /moved {{
      return 301 /counted;
    }}
    location /seen/ {{
      return 200 "$request_method $uri $http_host $http_x_thing $content_length";
    }}
    location = /sni {{
      return 200 "$ssl_server_name";
    }}
  }}
}}
"""


class Nginx:
    """Ready when this returns; or with `port` None and `missing` where there is no nginx.

    folder: where it may make its own.
    certificate: path of a PEM file with certificate and key, for TLS; or None.
    """

    def __init__(self, folder: Path, certificate: Path | None = None):
        self.port = self._process = self.missing = None
        try:
            self._program = toolchain.nginx()
        except UserError as error:
            self.missing = str(error)
            return
        for attempts_left in (2, 1, 0):
            try:
                self._start(Path(tempfile.mkdtemp(dir=folder, prefix="nginx-")), certificate)
                return
            except RuntimeError:  # somebody else may have taken the port
                if not attempts_left:
                    raise

    def _start(self, folder, certificate):
        self.port = free_port()
        for name in ("kept", "temp"):
            (folder / name).mkdir()
        tls = {
            "ssl": "ssl",
            "scheme": "https",
            "certificate": f"ssl_certificate {certificate}; ssl_certificate_key {certificate};",
        }
        plain = {"ssl": "", "scheme": "http", "certificate": ""}
        config = folder / "nginx.conf"
        config.write_text(
            _CONFIG.format(folder=folder, port=self.port, **(tls if certificate else plain))
        )
        log = folder / "error.log"
        self._process = subprocess.Popen(
            [*TIED, self._program, "-p", folder, "-e", log, "-c", config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        give_up = time.monotonic() + _READY_S
        while time.monotonic() < give_up and self._process.poll() is None:
            if (folder / "pid").exists():  # it listens before it writes this
                return
            time.sleep(0.01)
        self.close()
        raise RuntimeError(f"nginx did not start:\n{log.read_text() if log.exists() else ''}")

    def close(self):
        """Ends it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
