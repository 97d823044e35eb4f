import pyarrow as pa
import pyarrow.compute as pc
import pytest

from demo import data


@pytest.fixture(scope="session")
def raw_flights() -> pa.Table:
    """The flights scheduled for the first two days of January and a day of July, as in the file."""
    flights = data.read_raw_flights()
    january = pc.and_(pc.equal(flights["month"], 1), pc.less_equal(flights["day"], 2))
    july = pc.and_(pc.equal(flights["month"], 7), pc.equal(flights["day"], 10))
    return flights.filter(pc.or_(january, july)).combine_chunks()


@pytest.fixture(scope="session")
def flights(raw_flights: pa.Table) -> pa.Table:
    return data.join(raw_flights, data.read_weather(), data.airport_zones())


@pytest.fixture(scope="session")
def january(flights: pa.Table) -> pa.Table:
    return data.between(flights, "2013-01-01", "2013-01-02")
