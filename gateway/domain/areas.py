"""Areas on the ground: which cells of a grid lie wholly inside, which on the edge, and which points of those are in.
Pure; WGS 84 degrees in, metres on a plane around the area's middle (good to a metre within 50 km).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy
import shapely
from numpy.typing import NDArray

from gateway.domain.action import Circle, Polygon

Degrees = NDArray[numpy.floating]
Flags = NDArray[numpy.bool_]

METRES_A_DEGREE = 111_195.0
_LATITUDE_STEP = 0.005
_LONGITUDE_STEP = 0.0075
_COLUMNS = 1 << 16
_MOST_CELLS = 400_000


class AreaFault(ValueError):
    """An area that can't be; the message says what is wrong and what to send instead."""


def cell(latitude: float, longitude: float) -> int:
    """The number of the grid cell, about 550 by 510 m in the Netherlands; neighbours to the east follow each other."""
    row = math.floor((latitude + 90) / _LATITUDE_STEP)
    return row * _COLUMNS + math.floor((longitude + 180) / _LONGITUDE_STEP)


@dataclass(frozen=True, slots=True)
class Centre:
    """Where nearness is measured from. `square_metres = x² + y²` with the factors below, so that SQL needs no root."""

    latitude: float
    longitude: float

    @property
    def metres_a_degree_east(self) -> float:
        return METRES_A_DEGREE * math.cos(math.radians(self.latitude))


class Shape(Protocol):
    @property
    def centre(self) -> Centre: ...

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """South, west, north, east."""
        ...

    def boxes(self, south: Degrees, west: Degrees) -> tuple[Flags, Flags]:
        """For the cells with these corners: which lie wholly inside, and which are touched."""
        ...

    def contains(self, latitude: Degrees, longitude: Degrees) -> Flags: ...


class CircleShape:
    """A circle by distance on the local plane."""

    def __init__(self, circle: Circle) -> None:
        if not (-80 <= circle.latitude <= 80 and -180 <= circle.longitude <= 180):
            raise AreaFault("a circle's middle is a latitude and a longitude in degrees, as in 52.09 and 5.12")
        if not 0 < circle.radius_metres <= 200_000:
            raise AreaFault("a circle's radius is above 0 and at most 200,000 metres")
        self._radius = circle.radius_metres
        self.centre = Centre(circle.latitude, circle.longitude)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        north = self._radius / METRES_A_DEGREE
        east = self._radius / self.centre.metres_a_degree_east
        middle = self.centre
        return middle.latitude - north, middle.longitude - east, middle.latitude + north, middle.longitude + east

    def boxes(self, south: Degrees, west: Degrees) -> tuple[Flags, Flags]:
        below, above = self._metres_north(south), self._metres_north(south + _LATITUDE_STEP)
        left, right = self._metres_east(west), self._metres_east(west + _LONGITUDE_STEP)
        far = numpy.maximum(abs(below), abs(above)) ** 2 + numpy.maximum(abs(left), abs(right)) ** 2
        near = numpy.clip(0.0, below, above) ** 2 + numpy.clip(0.0, left, right) ** 2
        square = self._radius**2
        return far <= square, near <= square

    def contains(self, latitude: Degrees, longitude: Degrees) -> Flags:
        square = self._metres_north(latitude) ** 2 + self._metres_east(longitude) ** 2
        inside: Flags = square <= self._radius**2
        return inside

    def _metres_north(self, latitude: Degrees) -> Degrees:
        return (latitude - self.centre.latitude) * METRES_A_DEGREE

    def _metres_east(self, longitude: Degrees) -> Degrees:
        return (longitude - self.centre.longitude) * self.centre.metres_a_degree_east


class PolygonShape:
    """A GeoJSON polygon, holes included; a point on the outline is in."""

    def __init__(self, polygon: Polygon) -> None:
        try:
            outline, *holes = polygon.rings
            self._polygon = shapely.Polygon(outline, holes)
        except (ValueError, TypeError, shapely.GEOSException) as error:
            raise AreaFault("a polygon is a closed ring of at least four [longitude, latitude] pairs") from error
        if self._polygon.is_empty or not self._polygon.is_valid:
            raise AreaFault(f"this is no polygon: {shapely.is_valid_reason(self._polygon)}")
        west, south, east, north = self._polygon.bounds
        if not (-90 <= south <= north <= 90 and -180 <= west <= east <= 180):
            raise AreaFault("a polygon's corners are [longitude, latitude] in degrees, longitude first")
        shapely.prepare(self._polygon)
        self.centre = Centre(self._polygon.centroid.y, self._polygon.centroid.x)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        west, south, east, north = self._polygon.bounds
        return south, west, north, east

    def boxes(self, south: Degrees, west: Degrees) -> tuple[Flags, Flags]:
        cells = shapely.box(west, south, west + _LONGITUDE_STEP, south + _LATITUDE_STEP)
        inside: Flags = shapely.contains_properly(self._polygon, cells)
        touched: Flags = shapely.intersects(self._polygon, cells)
        return inside, touched

    def contains(self, latitude: Degrees, longitude: Degrees) -> Flags:
        inside: Flags = shapely.intersects_xy(self._polygon, longitude, latitude)
        return inside


@dataclass(frozen=True, slots=True)
class CellRun:
    """Cells beside each other in one row, both ends included. `inside`: nothing in them needs to be looked at."""

    first: int
    last: int
    inside: bool


def cell_runs(shape: Shape) -> list[CellRun]:
    """The cells that cover a shape, as runs. Raises AreaFault for one larger than a country."""
    south, west, north, east = shape.bounds
    rows = numpy.arange(math.floor((south + 90) / _LATITUDE_STEP), math.floor((north + 90) / _LATITUDE_STEP) + 1)
    columns = numpy.arange(math.floor((west + 180) / _LONGITUDE_STEP), math.floor((east + 180) / _LONGITUDE_STEP) + 1)
    if len(rows) * len(columns) > _MOST_CELLS:
        raise AreaFault("this area is larger than a country; draw a smaller one")
    row_grid, column_grid = numpy.meshgrid(rows, columns, indexing="ij")
    inside, touched = shape.boxes(row_grid * _LATITUDE_STEP - 90, column_grid * _LONGITUDE_STEP - 180)
    kinds = numpy.where(inside, 2, numpy.where(touched, 1, 0))
    return [run for row, kind in zip(rows, kinds, strict=True) for run in _runs(int(row), int(columns[0]), kind)]


def _runs(row: int, first_column: int, kinds: NDArray[numpy.int_]) -> Iterator[CellRun]:
    edges = numpy.flatnonzero(numpy.diff(kinds)) + 1
    begins = [0, *edges.tolist()]
    ends = [*edges.tolist(), len(kinds)]
    for begin, end in zip(begins, ends, strict=True):
        if kinds[begin]:
            base = row * _COLUMNS + first_column
            yield CellRun(base + begin, base + end - 1, bool(kinds[begin] == 2))
