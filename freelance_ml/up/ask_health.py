"""Ask the web server on this machine whether it is well; the exit code is the answer."""

import http.client
import os
import sys
from urllib.parse import urlsplit

PATIENCE = 4  # seconds


def main() -> int:
    """Give 0 when /health says 200."""
    host = urlsplit(os.environ.get("SITE_URL", "")).netloc or "localhost"  # the name that the site answers to
    line = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=PATIENCE)
    try:
        line.request("GET", "/health", headers={"Host": host})
        answer = line.getresponse()
        sys.stdout.write(answer.read(500).decode(errors="replace") + "\n")
    except OSError as error:
        sys.stdout.write(f"no answer: {error}\n")
        return 1
    finally:
        line.close()
    return 0 if answer.status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    raise SystemExit(main())
