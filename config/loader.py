"""Reading a configuration file into one checked snapshot, or into every fault that it has. Reads files; nothing else.

`load` is what everything else uses.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.checks import Model, Tables, check
from config.document import ARRAYS, REQUIRED, TABLES, Configuration, keys_of, model_of, path_defaults, secrets_of
from config.faults import ConfigurationFaults, Fault, example, in_words, mend, spelled, unknown_key
from config.lines import Path as KeyPath
from config.lines import line_of, lines_of
from config.paths import database_beside, endpoint_beside, listen_beside, speech_beside
from foundation.settings import Settings

_BIGGEST_BYTES = 1_000_000


def load(path: Path) -> Configuration:
    """Raises ConfigurationFaults with all that is wrong; nothing is opened or started but the file and its secrets."""
    return _Reading(Path(path).absolute()).configuration()


class _Reading:
    """One reading of one file; faults gather in it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: dict[KeyPath, int] = {}
        self.faults: list[Fault] = []

    def configuration(self) -> Configuration:
        raw = self._parse()
        self._keep_finite(raw, ())
        single = {name: self._table(raw, name) for name in TABLES}
        tables = Tables(single, {name: self._array(raw, name) for name in ARRAYS}, raw)
        known = (*TABLES, *ARRAYS)
        for key in raw.keys() - set(known):
            self._fault((key,), unknown_key(key, known))
        for field, words in check(tables, self.file.parent):
            self._fault(field, words)
        if self.faults:
            raise ConfigurationFaults(tuple(sorted(self.faults, key=lambda fault: fault.line or 0)))
        return self._snapshot(tables)

    def _parse(self) -> dict[str, Any]:
        try:
            data = self.file.read_bytes()
        except OSError as error:
            self._give_up(None, f"cannot be read ({error.strerror}); name a readable file with -c FILE")
        if len(data) > _BIGGEST_BYTES:
            self._give_up(None, f"is larger than {_BIGGEST_BYTES:,} bytes; this is no configuration")
        try:
            source = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self._give_up(data.count(b"\n", 0, error.start) + 1, "is not UTF-8; save it as UTF-8")
        try:
            raw = tomllib.loads(source)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            at = re.search(r"at line (\d+)", str(error))
            line = int(at.group(1)) if at else source.count("\n") + 1
            self._give_up(line, f"is not TOML: {error}" if isinstance(error, ValueError) else "is nested too deeply")
        self.lines = lines_of(source)
        return raw

    def _give_up(self, line: int | None, words: str) -> Any:
        raise ConfigurationFaults((Fault(self.file, line, "", words),))

    def _keep_finite(self, value: Any, path: KeyPath) -> None:
        """inf and nan are TOML, and no number of ours."""
        if isinstance(value, dict):
            for key in value:
                self._keep_finite(value[key], (*path, key))
        elif isinstance(value, list):
            for number, element in enumerate(value):
                self._keep_finite(element, (*path, number))
        elif isinstance(value, float) and not math.isfinite(value):
            self._fault(path, f"is {value}; write a finite number")

    def _table(self, raw: dict[str, Any], name: str) -> Settings | None:
        if name not in raw:
            if name in REQUIRED:
                self._fault((name,), f"is missing; write {example((name,))}")
                return None
            return None if name == "quiet" else TABLES[name]()
        return self._settings(TABLES[name], raw[name], (name,))

    def _array(self, raw: dict[str, Any], name: str) -> tuple[Settings | None, ...]:
        given = raw.get(name, [])
        if not isinstance(given, list) or not all(isinstance(element, dict) for element in given):
            self._fault((name,), f"is one table or value; write [[{name}]] with double brackets, once for each")
            return ()
        return tuple(self._settings(ARRAYS[name], element, (name, number)) for number, element in enumerate(given))

    def _settings(self, model: type[Settings], raw: object, path: KeyPath) -> Settings | None:
        """Checked as JSON: strict about types (no "5" for 5), yet times and paths may be texts. A faulty table comes
        back mended, so that `check` finds what else is wrong with it; the fault is noted and the file refused."""
        filled = self._with_secrets(model, raw, path)
        try:
            return model.model_validate_json(json.dumps(filled, default=str), strict=True)
        except ValidationError as error:
            found = error.errors(include_url=False)
        for details in found:
            location = tuple(part for part in details["loc"] if part != "[key]")
            self._fault((*path, *location), in_words(details, (*path, *location), self._known(model, location)))
            mend(filled, location, (*path, *location))
        try:
            return model.model_validate_json(json.dumps(filled, default=str), strict=True)
        except ValidationError:
            return None

    def _stand_in(self) -> str:
        """Its own for each, and short enough for an SMPP password, so that it gives no second fault."""
        return f"?{len(self.faults)}"

    def _known(self, model: type[Settings], location: KeyPath) -> tuple[str, ...]:
        inner: type[Settings] | None = model
        for part in location[:-1]:
            if isinstance(part, str) and inner is not None:
                inner = model_of(inner, part)
        return keys_of(inner) if inner is not None else ()

    def _with_secrets(self, model: type[Settings], raw: object, path: KeyPath) -> object:
        if not isinstance(raw, dict):
            return raw
        # A default that is a Path is no JSON; the same text is.
        filled: dict[str, object] = {name: str(value) for name, value in path_defaults(model)}
        filled.update(raw)
        for secret in secrets_of(model):
            if f"{secret}_file" in filled:
                filled[secret] = self._secret(filled.pop(f"{secret}_file"), secret in raw, (*path, f"{secret}_file"))
            elif raw.get(secret) == "":
                self._fault((*path, secret), f"is empty; write the secret, or name its file with {secret}_file")
        for key, value in raw.items():
            inner = model_of(model, key)
            if inner is not None and isinstance(value, list):
                filled[key] = [
                    self._with_secrets(inner, element, (*path, key, number)) for number, element in enumerate(value)
                ]
        return filled

    def _secret(self, name: object, both: bool, path: KeyPath) -> str:
        """The content of a secret's file; where it can't be had, a stand-in, so that only the file is complained of."""
        if both:
            self._fault(path, f"stands beside {str(path[-1]).removesuffix('_file')!r}; keep one of the two")
        if not isinstance(name, str) or not name:
            self._fault(path, 'is no file name; write it in quotes, as in "operator.token"')
            return self._stand_in()
        file = self.file.parent / name
        try:
            secret = file.read_text("utf-8").strip("\r\n")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a UTF-8 text"
            self._fault(path, f"names {file}, which cannot be read ({reason}); put the secret there")
            return self._stand_in()
        if not secret:
            self._fault(path, f"names {file}, which is empty; put the secret there")
        return secret or self._stand_in()

    def _fault(self, path: KeyPath, words: str) -> None:
        fault = Fault(self.file, line_of(path, self.lines), spelled(path), words)
        if not any(other.field == fault.field for other in self.faults):
            self.faults.append(fault)

    def _snapshot(self, tables: Tables) -> Configuration:
        """Absolute paths, so that it means the same wherever the daemon stands."""
        folder = self.file.parent
        gateway, http, sip = there(tables.gateway), there(tables.http), there(tables.sip)
        listen = tuple(listen_beside(text, folder) for text in sip.listen)
        return Configuration(
            file=self.file,
            gateway=gateway.model_copy(update={"database": database_beside(gateway.database, folder)}),
            http=http.model_copy(update={"listen": endpoint_beside(http.listen, folder)}),
            sip=sip.model_copy(update={"listen": listen}),
            rtp=there(tables.rtp),
            trunks=tuple(trunk for _, trunk in tables.trunks),
            operators=tuple(operator for _, operator in tables.operators),
            callback=there(tables.callback),
            voice=there(tables.voice),
            smscs=tuple(smsc for _, smsc in tables.smscs),
            speech=speech_beside(there(tables.speech), folder),
            quiet=tables.quiet,
            retention=there(tables.retention),
        )


def there(table: Model | None) -> Model:
    """A table that can only be missing where a fault was found."""
    assert table is not None
    return table
