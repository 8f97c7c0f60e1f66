"""Dutch abbreviations, by what stands around them. Rules only; no I/O."""

from __future__ import annotations

import re

from prompts.normalise.numbers import cardinal, ordinal, roman
from prompts.normalise.rule import MARKS, Rule, rule

_WHOLE = {
    "dhr.": "meneer", "dhr": "meneer", "hr.": "heer", "mevr.": "mevrouw", "mevr": "mevrouw", "mw.": "mevrouw", "mw": "mevrouw",
    "mej.": "mejuffrouw", "fam.": "familie", "drs.": "doctorandus", "dr.": "dokter", "ir.": "ingenieur", "ing.": "ingenieur",
    "mr.": "meester", "prof.": "professor", "ds.": "dominee", "burg.": "burgemeester", "past.": "pastoor", "weth.": "wethouder",
    "ca.": "ongeveer", "ca": "ongeveer", "c.a.": "ongeveer", "circa": "ongeveer", "ong.": "ongeveer", "ongev.": "ongeveer",
    "plm.": "ongeveer", "±": "ongeveer", "+/-": "ongeveer", "+-": "ongeveer", "e.o.": "en omgeving", "eo.": "en omgeving",
    "o.a.": "onder andere", "oa.": "onder andere", "o.m.": "onder meer", "m.n.": "met name", "bijv.": "bijvoorbeeld",
    "bv.": "bijvoorbeeld", "b.v.": "bijvoorbeeld", "enz.": "enzovoort", "etc.": "enzovoort", "i.v.m.": "in verband met",
    "ivm": "in verband met", "n.a.v.": "naar aanleiding van", "nav": "naar aanleiding van", "m.b.t.": "met betrekking tot",
    "d.m.v.": "door middel van", "t.o.v.": "ten opzichte van", "t.h.v.": "ter hoogte van", "thv": "ter hoogte van",
    "t/m": "tot en met", "tm": "tot en met", "a.u.b.": "alstublieft", "aub": "alstublieft", "s.v.p.": "alstublieft",
    "svp": "alstublieft", "z.s.m.": "zo snel mogelijk", "zsm": "zo snel mogelijk", "evt.": "eventueel", "event.": "eventueel",
    "incl.": "inclusief", "excl.": "exclusief", "vlgs.": "volgens", "vlg.": "volgens", "gem.": "gemeente", "prov.": "provincie",
    "jl.": "jongstleden", "j.l.": "jongstleden", "a.s.": "aanstaande", "as.": "aanstaande", "d.d.": "van",
    "nl.": "namelijk", "d.w.z.": "dat wil zeggen", "dwz": "dat wil zeggen", "i.p.v.": "in plaats van", "ipv": "in plaats van",
    "m.u.v.": "met uitzondering van", "o.l.v.": "onder leiding van", "p.u.": "per uur", "p/u": "per uur", "resp.": "respectievelijk",
    "vm.": "'s ochtends", "nm.": "'s middags", "tel.": "telefoon", "tel.nr.": "telefoonnummer", "telnr.": "telefoonnummer",
    "telefoonnr.": "telefoonnummer", "huisnr.": "huisnummer", "kent.": "kenteken", "kentekennr.": "kenteken", "v.d.": "van de",
    "vd": "van de", "v/d": "van de", "a/d": "aan de", "a.d.": "aan de", "v.": "van", "i.d.": "in de", "m/v": "man of vrouw",
    "v/m": "vrouw of man", "nr.": "nummer", "nrs.": "nummers", "min.": "minimaal", "max.": "maximaal", "gesl.": "gesloten",
    "lic.": "licht", "verm.": "vermoedelijk", "vermoed.": "vermoedelijk", "afk.": "afkomstig", "sign.": "signalement",
    "blz.": "bladzijde", "zgn.": "zogenaamd", "z.g.": "zogenaamd", "t.b.v.": "ten behoeve van", "o.b.v.": "op basis van",
    "m.i.v.": "met ingang van", "t.z.t.": "te zijner tijd", "n.v.t.": "niet van toepassing", "e.d.": "en dergelijke",
    "w.o.": "waaronder", "i.s.m.": "in samenwerking met", "i.o.m.": "in overleg met", "u.": "uur", "ri.": "richting", "rtg.": "richting",
    "re.": "rechts", "afd.": "afdeling", "geb.": "geboren", "mnd.": "maanden", "s.v.": "sportvereniging", "a.d.h.v.": "aan de hand van",
    "w.s.": "waarschijnlijk", "wrsch.": "waarschijnlijk", "mogel.": "mogelijk", "onbek.": "onbekend", "ivm.": "in verband met",
    "&": "en", "kgl.": "koninklijke", "kon.": "koningin", "gebr.": "gebroeders", "burgem.": "burgemeester", "gen.": "generaal",
    "alg.": "algemeen", "int.": "internationaal", "pers.": "personen", "pol.": "politie", "vtg.": "voertuig", "bep.": "bepaalde",
}  # fmt: skip

_SAMPLES = (
    ("dhr. Jansen", "meneer Jansen"),
    ("ca. 40", "ongeveer 40"),
    ("Utrecht e.o. is", "Utrecht en omgeving is"),
    ("t.h.v. de brug", "ter hoogte van de brug"),
    ("Jansen & Zn", "Jansen en Zn"),
)


def _alternatives(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _whole(match: re.Match[str]) -> str:
    written = match["short"]
    said = _WHOLE[written.lower()]
    if written[0].isupper():
        said = said[0].upper() + said[1:]
    return said + ("." if _ends_sentence(match) else "")


def _ends_sentence(match: re.Match[str]) -> bool:
    """The dot of the abbreviation is the full stop too where nothing follows, or a new sentence does after `e.o.` and its like."""
    rest = match.string[match.end() :]
    if not match.group().endswith("."):
        return False
    if not rest.strip(" ") or rest.lstrip(" ").startswith("\n"):
        return True
    return match["short"].lower() in _CLOSING and re.match(r" [A-ZÀ-Ý]", rest) is not None


_CLOSING = frozenset(
    ("e.o.", "enz.", "etc.", "e.d.", "jl.", "j.l.", "a.s.", "a.u.b.", "s.v.p.", "z.s.m.", "n.v.t.", "u.")
)


def _after_roman_name(match: re.Match[str]) -> str | None:
    value = roman(match["roman"])
    return f"{match['name']} de {ordinal(value)}" if value else None


def _roman_part(match: re.Match[str]) -> str | None:
    value = roman(match["roman"])
    return f"{match['what']} {cardinal(value)}" if value else None


ROMAN_RULES: tuple[Rule, ...] = (
    rule(
        "king with a number",
        r"(?<!\w)(?P<name>Willem|Karel|Filips|Philips|Hendrik|Lodewijk|Frederik|Leopold|Floris|Napoleon|Johannes Paulus|Boudewijn|Maurits|Jan)[ \-]?(?P<roman>[IVX]+)(?![\w.])",
        _after_roman_name,
        ("Willem III", "Willem de derde"),
        ("Karel V", "Karel de vijfde"),
    ),
    rule(
        "roman numeral",
        r"(?<!\w)(?P<what>[Ff]ase|[Dd]eel|[Bb]lok|[Ww]ereldoorlog|[Gg]ebouw|[Ss]ector|[Kk]lasse|[Zz]one|[Pp]erron|[Gg]ate|[Hh]al|[Gg]roep) (?P<roman>[IVX]+)(?![\w])",
        _roman_part,
        ("fase II", "fase twee"),
        ("Wereldoorlog II", "Wereldoorlog twee"),
    ),
)

STREET_RULES: tuple[Rule, ...] = (
    rule(
        "street, shortened",
        r"(?<=[a-zà-ÿ])str\.(?!\w)",
        "straat",
        ("Dorpsstr. is dicht", "Dorpsstraat is dicht"),
        ("Kerkstr., links", "Kerkstraat, links"),
        rewrites=True,
    ),
    rule(
        "lane, shortened", r"(?<=[a-zà-ÿ])ln\.(?!\w)", "laan", ("Parkln. is dicht", "Parklaan is dicht"), rewrites=True
    ),
    rule(
        "square, shortened",
        r"(?<=[a-zà-ÿ])pl\.(?!\w)",
        "plein",
        ("Marktpl. is leeg", "Marktplein is leeg"),
        rewrites=True,
    ),
    rule("square, a word of its own", r"(?<!\w)Pl\.(?=\s|$)", "Plein", ("Pl. 1944", "Plein 1944"), rewrites=True),
    rule(
        "number, joined",
        r"(?<=[a-zà-ÿ])nr\.?(?!\w)",
        "nummer",
        ("huisnr. 4", "huisnummer 4"),
        ("rugnr 10", "rugnummer 10"),
        rewrites=True,
    ),
    rule(
        "saint", r"(?<!\w)St\.?[ \-](?=[A-Z])", lambda _: "Sint ", ("St. Jansstraat", "Sint Jansstraat"), rewrites=True
    ),
)

ABBREVIATION_RULES: tuple[Rule, ...] = (
    rule(
        "year or junior",
        rf"(?<=[{MARKS}\d] )jr\.?(?!\w)|(?<=[{MARKS}\d])jr\.?(?!\w)",
        "jaar",
        ("40 jr.", "40 jaar"),
    ),
    rule("junior", r"(?<=[a-zà-ÿ] )[Jj]r\.?(?!\w)", "junior", ("Jan de Boer jr.", "Jan de Boer junior")),
    rule("senior", r"(?<=[a-zà-ÿ] )[Ss]r\.?(?!\w)", "senior", ("Jan de Boer sr.", "Jan de Boer senior")),
    rule(
        "man or woman",
        r"(?<!\w)(?P<first>man|vrouw|jongen|meisje|hij|zij|hem|en)/(?P<last>man|vrouw|jongen|meisje|hij|zij|haar|of)(?!\w)",
        lambda match: f"{match['first']} of {match['last']}" if match["first"] != "en" else "en of",
        ("man/vrouw", "man of vrouw"),
        ("en/of", "en of"),
    ),
    rule(
        "abbreviation",
        rf"(?<![\w{MARKS}.])(?P<short>{_alternatives(_WHOLE)})(?![\w]|\.\w)",
        _whole,
        *_SAMPLES,
        flags=re.IGNORECASE,
    ),
)
