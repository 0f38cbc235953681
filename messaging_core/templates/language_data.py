"""What CLDR knows of languages, as far as the choice of a translation takes it.

The source is Unicode CLDR, as Babel 2.19 has it: the aliases of `supplementalMetadata.xml`,
`likelySubtags.xml`, `parentLocales` in `supplementalData.xml`, and the nearest languages of
`languageInfo.xml`. A test compares the tables with those in Babel.
"""

from collections.abc import Mapping
from typing import Final

_ALIASES: Final = (
    "iw:he in:id ji:yi jw:jv mo:ro tl:fil tw:ak nb:no sh:sr-Latn cnr:sr-ME prs:fa-AF bh:bho "
    "swc:sw-CD als:sq arb:ar azj:az cmn:zh ekk:et khk:mn kmr:ku lvs:lv npi:ne ory:or pbu:ps "
    "pes:fa plt:mg swh:sw uzn:uz ydd:yi zsm:ms"
)
ALIASES: Final[Mapping[str, str]] = dict(entry.split(":") for entry in _ALIASES.split())
"""The language tag to use for each alias; two names of one language are one."""

RELATED: Final = {"no": ("nn",), "nn": ("no",), "gsw": ("de",), "lb": ("de",), "yue": ("zh-Hant",)}
"""Languages whose readers read another one nearly as well."""

_LANGUAGES_BY_SCRIPT: Final = {
    "arab": "ar azb ckb fa ks lah lrc mzn ps sd sdh skr ug ur",
    "armn": "hy",
    "beng": "as bn mni",
    "cans": "cr iu oj",
    "cher": "chr",
    "cyrl": "ab av ba be bg ce cu cv kk kv ky mk mn os ru sr tg tt uk",
    "deva": "bgc bho brx doi hi kok mai mr ne raj sa",
    "ethi": "am ti",
    "geor": "ka",
    "grek": "el",
    "gujr": "gu",
    "guru": "pa",
    "hans": "gan hak hsn nan wuu zh",
    "hant": "lzh yue",
    "hebr": "he yi",
    "jpan": "ja",
    "khmr": "km",
    "knda": "kn",
    "kore": "ko",
    "laoo": "lo",
    "mlym": "ml",
    "mymr": "my",
    "olck": "sat",
    "orya": "or",
    "sinh": "si",
    "syrc": "syr",
    "taml": "ta",
    "telu": "te",
    "thaa": "dv",
    "thai": "th",
    "tibt": "bo dz",
    "yiii": "ii",
}
SCRIPTS: Final = {
    language: script
    for script, languages in _LANGUAGES_BY_SCRIPT.items()
    for language in languages.split()
}
"""The script that a language is written in, where it is not Latin."""

_REGIONS_BY_SCRIPT: Final = {
    "az-arab": "IQ IR",
    "az-cyrl": "RU",
    "ha-arab": "CM SD",
    "kk-arab": "AF CN IR MN",
    "ku-arab": "IQ IR LB",
    "ku-cyrl": "AM AZ GE TM",
    "ky-arab": "CN",
    "ky-latn": "TR",
    "mn-mong": "CN",
    "ms-arab": "CC",
    "pa-arab": "PK",
    "sd-deva": "IN",
    "sr-latn": "ME RO TR",
    "tg-arab": "PK",
    "ug-cyrl": "KZ MN",
    "uz-arab": "AF",
    "uz-cyrl": "CN",
    "yue-hans": "CN",
    "zh-hant": "AU BN GB GF HK ID MO PA PF PH SR TH TW US VN",
}
REGIONAL_SCRIPTS: Final = {
    (tag.partition("-")[0], region.lower()): tag.partition("-")[2]
    for tag, regions in _REGIONS_BY_SCRIPT.items()
    for region in regions.split()
}
"""The script of a language in regions where it is another than elsewhere."""

_PARENTS: Final = {
    "en-001": "150 AG AI AU BB BM BS BW BZ CC CK CM CX CY DG DM ER FJ FK FM GB GD GG GH GI GM GS "
    "GY HK ID IE IL IM IN IO JE JM KE KI KN KY LC LR LS MG MO MS MT MU MV MW MY NA NF NG NR NU NZ "
    "PG PK PN PW RW SB SC SD SG SH SL SS SX SZ TC TK TO TT TV TZ UG VC VG VU WS ZA ZM ZW",
    "en-150": "AT BE CH CZ DE DK EE ES FI FR GE HU IT LT LV NL NO PL PT RO SE SI SK UA",
    "es-419": "AR BO BR BZ CL CO CR CU DO EC GT HN JP MX NI PA PE PR PY SV US UY VE",
    "pt-PT": "AO CH CV FR GQ GW LU MO MZ ST TL",
    "zh-HK": "MO",
}
PARENTS: Final = {
    (parent.partition("-")[0], region.lower()): parent.partition("-")[2].lower()
    for parent, regions in _PARENTS.items()
    for region in regions.split()
}
"""The region whose way of writing a language is nearest to that of another region."""

_LIKELY_REGIONS: Final = (
    "ar:eg bn:bd ca:es cs:cz da:dk el:gr en:us et:ee eu:es fa:ir ga:ie gl:es gu:in he:il hi:in "
    "hy:am ja:jp ka:ge kk:kz km:kh ko:kr ms:my my:mm ne:np ps:af pt:br qu:pe sl:si sq:al sr:rs "
    "sv:se sw:tz ta:in uk:ua ur:pk vi:vn zh:cn"
)
LIKELY_REGIONS: Final[Mapping[str, str]] = dict(
    entry.split(":") for entry in _LIKELY_REGIONS.split()
)
"""Where most readers of a language live, where that is not the region of the same letters."""
