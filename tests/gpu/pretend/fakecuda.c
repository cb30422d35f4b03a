/* Stands for CUDA's driver and runtime: one device, on which nothing ever runs. See README.md. */
typedef int result;

signed char _ZN3c104cuda12device_countEv(void) { return 1; }
signed char _ZN3c104cuda28device_count_ensure_non_zeroEv(void) { return 1; }

result cudaGetDeviceCount(int *count) { *count = 1; return 0; }
result cudaSetDevice(int device) { return 0; }
result cudaGetDevice(int *device) { *device = 0; return 0; }
result cudaStreamIsCapturing(void *stream, int *status) { *status = 0; return 0; }
result cudaDeviceGetStreamPriorityRange(int *least, int *greatest) { *least = *greatest = 0; return 0; }
result cudaGetLastError(void) { return 0; }
result cudaPeekAtLastError(void) { return 0; }

result cuInit(unsigned flags) { return 0; }
result cuDriverGetVersion(int *version) { *version = 13000; return 0; }
result cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) { *flags = *active = 0; return 0; }
result cuGetErrorString(int error, const char **text) { *text = "pretended"; return 0; }
result cuGetProcAddress(const char *name, void **function, int version, unsigned long flags) {
    *function = 0; return 500; /* CUDA_ERROR_NOT_FOUND */
}
result cuGetProcAddress_v2(const char *name, void **function, int version, unsigned long flags, void *found) {
    *function = 0; return 500;
}
