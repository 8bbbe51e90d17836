#pragma once

/// What librheo_mpi.so gives: MPI behind plain C types, so that whoever loads it needs no mpi.h. The
/// functions return 0, or else put a sentence into `message` (of `messageSize` bytes). `stopped(context)` is
/// asked while they wait; where it gives other than 0 they return -1.
struct RheoMpi {
    int (*open)(int* rank, int* size, char* message, int messageSize);
    int (*send)(int to, const void* data, unsigned long long bytes, int (*stopped)(void*), void* context,
                char* message, int messageSize);
    int (*receive)(int from, void* data, unsigned long long bytes, int (*stopped)(void*), void* context,
                   char* message, int messageSize);
    /// Waits for all ranks.
    void (*close)();
    /// Ends all ranks, and does not return.
    void (*abort)(int status);
};

extern "C" {
/// The one symbol of the module; its name changes where the struct does.
const RheoMpi* rheoMpi1();
}
