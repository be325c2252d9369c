"""The data plane: stages are programs, files in and files out, and `execute` is what surrounds each of them.

A stage is one module with one public function, `run(params, inputs, outputs)`. It sees folders and writes folders;
keys, the store, retries and publication are not its business.
"""
