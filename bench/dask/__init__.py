"""TPC-H's orders and lineitem landed and refined through the flow: by threads of one process, and by Dask's workers."""
