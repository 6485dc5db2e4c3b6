import pytest


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Several threads on such small tensors wait for one another more than they work."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
