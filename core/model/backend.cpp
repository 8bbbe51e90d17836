#include "core/model/backend.h"

#include <ATen/Context.h>
#include <torch/version.h>

#include "core/model/kernels.h"

namespace rheo {

Backend backend() {
    return {TORCH_VERSION, kernels::hasOneDnn(), at::hasCUDA()};
}

}  // namespace rheo
