#include "core/base/failure.h"

#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>

namespace rheo {

ErrorCode errorCodeOfErrno(int number) {
    switch (number) {
        case ENOSPC:
        case EFBIG:
        case EDQUOT: return ErrorCode::DiskFull;
        case ENOMEM: return ErrorCode::OutOfMemory;
        case ENOENT: return ErrorCode::NotFound;
        case EEXIST: return ErrorCode::AlreadyExists;
        default: return ErrorCode::Io;
    }
}

std::string adviceOfErrno(int number) {
    switch (number) {
        case ENOSPC: return " (make space, or choose another disk)";
        case EDQUOT: return " (a quota is used up; make space, or choose another disk)";
        case EFBIG: return " (a limit on the size of files: see ulimit -f, or choose another disk)";
        case EMFILE: return " (a limit on open files: raise it with ulimit -n)";
        case EAGAIN:
            return " (a limit on processes and threads: raise it with ulimit -u, or give --threads 1)";
        case EACCES:
        case EPERM: return " (check the permissions)";
        default: return "";
    }
}

namespace {

std::string firstLine(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

Error outOfMemory() {
    return {
        ErrorCode::OutOfMemory,
        "there is not enough memory for this; take fewer prompts or rows, a smaller --batch or --memory, or "
        "raise the limit (ulimit -v)"};
}

}  // namespace

Error describeFailure(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const Error& e) {
        return e;
    } catch (const std::bad_alloc&) {
        return outOfMemory();
    } catch (const std::length_error&) {  // a container that would be larger than memory can be
        return outOfMemory();
    } catch (const std::system_error& e) {
        const int number = e.code().value();
        return {errorCodeOfErrno(number), firstLine(e.what()) + adviceOfErrno(number)};
    } catch (const std::exception& e) {
        const std::string said = firstLine(e.what());
        for (const char* words : {"can't allocate memory", "out of memory", "Cannot allocate memory"})
            if (said.find(words) != std::string::npos) return outOfMemory();
        return {ErrorCode::Internal, "unexpected failure: " + said};
    } catch (...) {
        return {ErrorCode::Internal, "unexpected failure of an unknown kind"};
    }
}

}  // namespace rheo
