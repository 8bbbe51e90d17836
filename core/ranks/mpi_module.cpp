// librheo_mpi.so: the only file that knows MPI. It is loaded where mpirun or srun started the program
// (mpi_ranks.cpp), so that all else runs on machines without MPI.
#include "core/ranks/mpi_module.h"

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

namespace {

/// Counts of MPI are ints.
constexpr unsigned long long mostBytes = 1ULL << 30;
constexpr int tag = 1;

int fail(int code, char* message, int messageSize) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    std::snprintf(message, static_cast<std::size_t>(messageSize), "%s", text);
    return 1;
}

int open(int* rank, int* size, char* message, int messageSize) {
    int provided = 0;
    if (const int code = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
        code != MPI_SUCCESS)
        return fail(code, message, messageSize);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, size);
    return 0;
}

/// Waits without using up a core, which another rank may need, and looks for a stop meanwhile.
int wait(MPI_Request request, int (*stopped)(void*), void* context, char* message, int messageSize) {
    for (int looks = 0;; ++looks) {
        int done = 0;
        if (const int code = MPI_Test(&request, &done, MPI_STATUS_IGNORE); code != MPI_SUCCESS)
            return fail(code, message, messageSize);
        if (done != 0) return 0;
        if (looks < 200) continue;
        if (stopped(context) != 0) return -1;
        std::this_thread::sleep_for(std::chrono::microseconds(looks < 400 ? 50 : 500));
    }
}

/// Calls `start(data, count, request)` for pieces, and waits for each.
template <class Byte, class Start>
int inPieces(Byte* data, unsigned long long bytes, int (*stopped)(void*), void* context, char* message,
             int messageSize, Start start) {
    while (bytes > 0) {
        const auto count = static_cast<int>(std::min(bytes, mostBytes));
        MPI_Request request = MPI_REQUEST_NULL;
        if (const int code = start(data, count, &request); code != MPI_SUCCESS)
            return fail(code, message, messageSize);
        if (const int ended = wait(request, stopped, context, message, messageSize); ended != 0) return ended;
        data += count;
        bytes -= static_cast<unsigned long long>(count);
    }
    return 0;
}

int send(int to, const void* data, unsigned long long bytes, int (*stopped)(void*), void* context,
         char* message, int messageSize) {
    return inPieces(static_cast<const char*>(data), bytes, stopped, context, message, messageSize,
                    [to](const char* from, int count, MPI_Request* request) {
                        return MPI_Isend(from, count, MPI_BYTE, to, tag, MPI_COMM_WORLD, request);
                    });
}

int receive(int from, void* data, unsigned long long bytes, int (*stopped)(void*), void* context,
            char* message, int messageSize) {
    return inPieces(static_cast<char*>(data), bytes, stopped, context, message, messageSize,
                    [from](char* into, int count, MPI_Request* request) {
                        return MPI_Irecv(into, count, MPI_BYTE, from, tag, MPI_COMM_WORLD, request);
                    });
}

void close() {
    MPI_Finalize();
}

void abort(int status) {
    MPI_Abort(MPI_COMM_WORLD, status);
}

}  // namespace

extern "C" const RheoMpi* rheoMpi1() {
    static const RheoMpi functions{open, send, receive, close, abort};
    return &functions;
}
