"""How fast one server answers a load: seconds of kernels, of a step, of a request, under arrivals."""
