"""JSON as devices write it: NaN and Infinity are read, so that only their readings are lost."""

from __future__ import annotations

import json

from ingest.codecs import Undecodable


def decode(payload: bytes) -> object:
    """Decode UTF-8 JSON; never raises.

    Examples
    --------
    >>> decode(b'{"at": NaN}')
    {'at': nan}
    >>> decode(b'{').reason
    'bad_json'
    """
    try:
        return json.loads(payload.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Undecodable("bad_json", f"byte {error.start} is not UTF-8")
    except json.JSONDecodeError as error:
        return Undecodable("bad_json", f"{error.msg} at character {error.pos}")
    except RecursionError:
        return Undecodable("bad_json", "nested too deeply")
    except ValueError as error:  # an integer of thousands of digits
        return Undecodable("bad_json", str(error))
