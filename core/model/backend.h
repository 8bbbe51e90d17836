#pragma once

#include <string>

namespace rheo {

/// What models are computed with.
struct Backend {
    std::string libtorch;  ///< its version
    bool oneDnn = false;   ///< its products of matrices are oneDNN's instead of BLAS's
    bool cuda = false;     ///< a GPU is there that it can use
};
Backend backend();

}  // namespace rheo
