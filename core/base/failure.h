#pragma once

#include <exception>
#include <string>

#include "core/base/error.h"

namespace rheo {

/// What was thrown, as an Error with one line of plain words: an Error as it is; std::bad_alloc,
/// std::length_error and a library's own "cannot allocate" as OutOfMemory; std::system_error and
/// std::filesystem::filesystem_error by their error number; anything else as Internal, with the first line of
/// what it says. `failure` must not be null, and not hold Cancelled.
Error describeFailure(const std::exception_ptr& failure);

/// The kind of a failure that the operating system reports (errno).
ErrorCode errorCodeOfErrno(int number);
/// What to do about it, to follow the system's own words: " (a limit of the size of files, ulimit -f)"; empty
/// where the words say it all.
std::string adviceOfErrno(int number);

}  // namespace rheo
