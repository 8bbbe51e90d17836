#pragma once

#include <string>
#include <string_view>

namespace rheo {

/// What of a processor decides on the speed of products of matrices.
struct VectorUnits {
    bool avx2 = false;    ///< with FMA
    bool avx512 = false;  ///< F, BW, CD, DQ and VL: what the kernels named SkylakeX use
};
VectorUnits vectorUnits();

/// The kernels with which OpenBLAS computes in this process, as it calls them ("Haswell", "Zen", "Prescott");
/// empty where another library stands in its place.
std::string blasKernels();
/// OpenBLAS's own line about itself: version, options and kernels. Empty as above.
std::string blasDescription();

/// The kernels (a value of OPENBLAS_CORETYPE) that fit a processor where OpenBLAS chose `chosen`; empty where
/// that choice is good. OpenBLAS takes those of a processor of 2004 (SSE3) where it does not know a newer
/// one, as 0.3.21 of Debian 12 does of many by Intel: products of matrices then take three times as long.
std::string_view betterBlasKernels(std::string_view chosen, const VectorUnits& processor);

/// Sets OPENBLAS_CORETYPE where better kernels fit, and says whether it did: OpenBLAS reads it when it is
/// loaded, so the program must be started again (exec). What the user set stays. Loads OpenBLAS where it is
/// not loaded yet: some milliseconds.
bool fitBlasKernels();

}  // namespace rheo
