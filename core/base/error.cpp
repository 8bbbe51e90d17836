#include "core/base/error.h"

namespace rheo {

std::string_view errorCodeName(ErrorCode code) {
    switch (code) {
        case ErrorCode::InvalidArgument: return "invalid_argument";
        case ErrorCode::NotFound: return "not_found";
        case ErrorCode::AlreadyExists: return "already_exists";
        case ErrorCode::Io: return "io";
        case ErrorCode::DiskFull: return "disk_full";
        case ErrorCode::Format: return "format";
        case ErrorCode::Unsupported: return "unsupported";
        case ErrorCode::Mismatch: return "mismatch";
        case ErrorCode::OutOfMemory: return "out_of_memory";
        case ErrorCode::Device: return "device";
        case ErrorCode::Internal: return "internal";
    }
    return "internal";
}

}  // namespace rheo
