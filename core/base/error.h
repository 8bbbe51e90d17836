#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace rheo {

/// What kind of thing went wrong; chooses the advice a caller can give, never the wording.
enum class ErrorCode {
    InvalidArgument,  ///< a value the caller gave is out of its range
    NotFound,         ///< a file, tensor or dataset that is not there
    AlreadyExists,    ///< an output that would be overwritten
    Io,               ///< reading or writing failed
    DiskFull,         ///< the disk cannot hold what is asked for
    Format,           ///< a file is damaged or not what it claims to be
    Unsupported,      ///< understood, and not something this program computes
    Mismatch,         ///< two things that must belong together do not
    OutOfMemory,      ///< more memory would be needed than there is
    Device,           ///< an accelerator that is absent or failed
    Internal,         ///< an invariant of this program is broken
};

/// Stable lower-case name, as `--json` prints it ("invalid_argument", "disk_full").
std::string_view errorCodeName(ErrorCode code);

/// The one exception core throws for failures. `what()` is a whole sentence that names the file,
/// tensor or dataset, what was expected and what was found; `context()` is that file or name alone.
class Error : public std::runtime_error {
public:
    Error(ErrorCode code, const std::string& message, std::string context = {})
        : std::runtime_error(message), m_code(code), m_context(std::move(context)) {}

    ErrorCode code() const noexcept { return m_code; }
    const std::string& context() const noexcept { return m_context; }

private:
    ErrorCode m_code;
    std::string m_context;
};

/// Thrown by Progress::check() once a stop was requested. Not an Error: nothing failed.
class Cancelled : public std::exception {
public:
    const char* what() const noexcept override { return "cancelled"; }
};

}  // namespace rheo
