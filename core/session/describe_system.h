#pragma once

#include "core/session/describe_file.h"

namespace rheo {

/// What this program computes with on this machine: processor, memory, the kernels of OpenBLAS, libtorch, the
/// GPU, libraries. Loads nothing but what is loaded.
FileDescription describeSystem();

/// Of the facts, the one for a person who reads no others: "OpenBLAS 0.3.21, kernels Haswell".
std::string blasLine();

}  // namespace rheo
