#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/base/residual_point.h"
#include "core/model/model.h"

namespace rheo::test {

struct ReferenceTeleport {
    std::int64_t point = 0;
    std::int64_t token = 0;
    VectorF state;   ///< [unit]
    Array3F states;  ///< [point from `point` on, all tokens, unit]
    MatrixF logits;  ///< [1, vocabulary]
};

/// What the router of one block gave, and chose.
struct ReferenceRouting {
    std::int64_t block = 0;
    MatrixF probabilities;             ///< [token, expert]
    std::vector<std::int32_t> chosen;  ///< [token, place], the likeliest first
};

struct ReferencePrompt {
    std::vector<std::int32_t> ids;
    Array3F states;                    ///< [point, token, unit]
    MatrixF logits;                    ///< [last tokens, vocabulary]
    std::vector<std::int32_t> greedy;  ///< empty where the file has none
    std::vector<ReferenceTeleport> teleports;
    std::vector<ReferenceRouting> routing;  ///< of the blocks with experts
};

/// A reference.h5, as tests/fixtures/models/README.md describes it. Read with the HDF5 library directly.
struct Reference {
    std::vector<ResidualPoint> points;
    std::vector<ReferencePrompt> prompts;
};

Reference readReference(const std::filesystem::path& path);

/// A fixture: its checkpoint folder and its reference file.
struct Fixture {
    std::string name;
    std::filesystem::path folder;
    std::filesystem::path reference;
    std::filesystem::path sparseConfig;  ///< empty where there is none
};

/// The demo model, and every folder of tests/fixtures/models, in alphabetical order.
std::vector<Fixture> fixtures();

/// Where the models of tests run: RHEO_TEST_DEVICE, or the CPU (tests/bench/gpu_check).
std::string testDevice();

std::shared_ptr<const Model> loadModel(const std::filesystem::path& folder, DType dtype = DType::Float32);

/// Largest absolute difference of two [n] rows of values over the RMS of `expected`; infinite where one is
/// not finite.
double relativeError(const float* found, const float* expected, std::int64_t n);
/// RMS of the difference over the RMS of `expected`.
double relativeRms(const float* found, const float* expected, std::int64_t n);

}  // namespace rheo::test
