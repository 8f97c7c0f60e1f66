"""What API calls are given: pydantic models of their bodies, turned into the domain's values. No I/O."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from shapely.errors import ShapelyError
from shapely.geometry import Polygon as ShapelyPolygon
from shapely.validation import explain_validity

from foundation.clock import saved
from gateway.domain.action import (
    ActionDraft,
    Area,
    Circle,
    ClosingOutcome,
    Kind,
    Municipality,
    Polygon,
    Postcodes,
)
from gateway.domain.action import Desk as DomainDesk
from gateway.domain.identifiers import DeskId
from gateway.domain.outcomes import ChannelName

_MOST_POSITIONS = 10_000


def _text(most: int) -> WithJsonSchema:
    """As the description shows a text: something in it, and no control characters."""
    plain = r"[^\x00-\x08\x0b\x0c\x0e-\x1f]*"
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": most, "pattern": rf"^{plain}\S{plain}$"})


def _left_out(schema: dict[str, Any]) -> None:
    """The description of a body whose fields are there or left out, and at least one is there; null is no value."""
    schema["minProperties"] = 1
    for name, shape in schema["properties"].items():
        kinds = [kind for kind in shape.get("anyOf", ()) if kind.get("type") != "null"]
        if kinds and name not in ("closing", "expires_at"):
            schema["properties"][name] = kinds[0]


def _one_area(schema: dict[str, Any]) -> None:
    _left_out(schema)
    schema["maxProperties"] = 1


def _plain(text: str) -> str:
    if any(ord(letter) < 32 and letter not in "\n\t\r" for letter in text):
        raise ValueError("holds control characters; remove them")
    return text


Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Postcode = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{3}( ?[A-Za-z]{2})?$")]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_plain), _text(200)
]
Spoken = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(_plain), _text(2000)
]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_plain), _text(200)
]
DeskName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Body(BaseModel):
    """A JSON object of the API: unknown fields are refused, so that a typing error is told and not lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CircleBody(Body):
    """Around a point, degrees WGS 84."""

    lat: Latitude
    lon: Longitude
    radius_m: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


class PolygonBody(BaseModel):
    """A GeoJSON Polygon (RFC 7946 §3.1.6): rings of [longitude, latitude], each closed."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["Polygon"]
    coordinates: Annotated[list[list[Annotated[list[float], Field(min_length=2, max_length=3)]]], Field(min_length=1)]

    @field_validator("coordinates")
    @classmethod
    def _is_polygon(cls, rings: list[list[list[float]]]) -> list[list[list[float]]]:
        if sum(len(ring) for ring in rings) > _MOST_POSITIONS:
            raise ValueError(f"more than {_MOST_POSITIONS} positions; simplify the outline")
        for ring in rings:
            if len(ring) < 4 or ring[0] != ring[-1]:
                raise ValueError("a ring needs at least four positions, the last the same as the first")
            if any(not (-180 <= at[0] <= 180 and -90 <= at[1] <= 90) for at in ring):
                raise ValueError("a position lies off the earth; write [longitude, latitude] in degrees")
        try:
            words = explain_validity(ShapelyPolygon(rings[0], rings[1:]))
        except (ShapelyError, ValueError) as error:
            raise ValueError(f"is no polygon: {error}") from error
        if words != "Valid Geometry":
            raise ValueError(f"is no polygon: {words}")
        return rings


def _geometry(value: object) -> object:
    """The geometry of a Feature, also of one that stands alone in a FeatureCollection, as map programs save it."""
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(value, dict) and kind == "FeatureCollection":
        features = value.get("features")
        if not isinstance(features, list) or len(features) != 1:
            raise ValueError("a FeatureCollection holds exactly one Feature here; send the Polygon alone")
        value = features[0]
        kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(value, dict) and kind == "Feature":
        value = value.get("geometry")
        kind = value.get("type") if isinstance(value, dict) else None
        if kind is None:
            raise ValueError("this Feature has no geometry; send a Polygon")
    if isinstance(kind, str) and kind != "Polygon":
        raise ValueError(f"{kind[:40]} is not taken; send one GeoJSON Polygon")
    return value


class AreaBody(Body):
    """Exactly one of the four."""

    model_config = ConfigDict(json_schema_extra=_one_area)

    circle: CircleBody | None = None
    polygon: Annotated[PolygonBody | None, BeforeValidator(_geometry)] = None
    postcodes: Annotated[list[Postcode], Field(min_length=1, max_length=5000)] | None = None
    municipality: Name | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> AreaBody:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of circle, polygon, postcodes, municipality")
        return self

    def area(self) -> Area:
        if self.circle is not None:
            return Circle(self.circle.lat, self.circle.lon, self.circle.radius_m)
        if self.polygon is not None:
            rings = tuple(tuple((at[0], at[1]) for at in ring) for ring in self.polygon.coordinates)
            return Polygon(rings)
        if self.postcodes is not None:
            return Postcodes(tuple(dict.fromkeys(code.replace(" ", "").upper() for code in self.postcodes)))
        assert self.municipality is not None
        return Municipality(self.municipality)


class ActionBody(Body):
    """An action as an operator writes it. `closing` is the text for its end; `expires_at` closes it by the clock."""

    kind: Kind
    title: Title
    message: Spoken
    closing: Spoken | None = None
    area: AreaBody
    channels: Annotated[list[ChannelName], Field(min_length=1)]
    owner: DeskName
    expires_at: AwareDatetime | None = None
    exercise: bool = False
    translations: Annotated[dict[Annotated[str, StringConstraints(pattern="^[a-z]{2}$")], Spoken], Field()] = Field(
        default_factory=dict, description="The message in further languages, by their two letters."
    )

    def draft(self) -> ActionDraft:
        return ActionDraft(
            kind=self.kind,
            title=self.title,
            message=self.message,
            area=self.area.area(),
            channels=frozenset(self.channels),
            owner=DeskId(self.owner),
            closing=self.closing,
            expires_at=None if self.expires_at is None else saved(self.expires_at),
            exercise=self.exercise,
            translations=dict(self.translations),
        )


class ActionPatch(Body):
    """Only what is to change (RFC 7396). A draft takes every field; a running action only `owner`, the hand-over."""

    model_config = ConfigDict(json_schema_extra=_left_out)

    kind: Kind | None = None
    title: Title | None = None
    message: Spoken | None = None
    closing: Spoken | None = None
    area: AreaBody | None = None
    channels: Annotated[list[ChannelName], Field(min_length=1)] | None = None
    owner: DeskName | None = None
    expires_at: AwareDatetime | None = None
    exercise: bool | None = None
    translations: dict[Annotated[str, StringConstraints(pattern="^[a-z]{2}$")], Spoken] | None = None


class CloseBody(Body):
    """How it ended. `message` is what those who were reached hear; else the action's `closing`, else a fixed text."""

    outcome: Literal["solved_by_tip", "solved_otherwise", "unsolved", "exercise"]
    message: Spoken | None = None

    def closing_outcome(self) -> ClosingOutcome:
        return ClosingOutcome(self.outcome)


class DeskBody(Body):
    """A desk: where callers are connected to."""

    id: DeskName
    name: Name
    room: Name
    uri: Annotated[str, StringConstraints(pattern=r"^sips?:[^@\s]+@[^@\s]+$", max_length=256)]
    deputy: DeskName | None = None
    present: bool = True

    def desk(self) -> DomainDesk:
        deputy = None if self.deputy is None else DeskId(self.deputy)
        return DomainDesk(DeskId(self.id), self.name, self.uri, self.room, deputy, self.present)


class PresenceBody(Body):
    """Whether somebody sits there; callers go to the deputy or the room meanwhile."""

    present: bool
