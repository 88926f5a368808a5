"""Runs on the host as root: print what a statement returns, asked as the recorder signs in.

python3 exec_questdb.py 'SELECT count() FROM trades'
"""

import base64
import json
import pathlib
import shlex
import sys
import urllib.parse
import urllib.request


def environment(path: str) -> dict[str, str]:
    """The variables of an environment file, past its comments, their quotes taken off."""
    lines = pathlib.Path(path).read_text().splitlines()
    words = [shlex.split(line)[0] for line in lines if "=" in line and not line.lstrip().startswith("#")]
    return dict(word.split("=", 1) for word in words)


variables = environment("/etc/cift/cift.env") | environment("/etc/cift/secrets/recorder.env")
query = urllib.parse.urlencode({"query": sys.argv[1]})
request = urllib.request.Request(f"http://{variables['QUESTDB_HOST']}:{variables['QUESTDB_HTTP_PORT']}/exec?{query}")
sign_in = f"{variables['QUESTDB_USER']}:{variables['QUESTDB_PASSWORD']}"
request.add_header("Authorization", f"Basic {base64.b64encode(sign_in.encode()).decode()}")
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(json.dumps(json.load(opener.open(request, timeout=10))["dataset"]))
