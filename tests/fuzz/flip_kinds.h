#pragma once

#include <filesystem>
#include <span>
#include <string>

/// A kind of file that is damaged to see what reading it makes of that.
struct FlipKind {
    const char* name;
    void (*write)(const std::filesystem::path&);
    /// A digest of every number and text that the reader gives; empty where they cannot be checked.
    std::string (*read)(const std::filesystem::path&);
};

std::span<const FlipKind> traceKinds();       ///< traces, and HDF5 of another program
std::span<const FlipKind> resultKinds();      ///< results, comparisons, and what sessions hold
std::span<const FlipKind> laboratoryKinds();  ///< teleports, and what the laboratory's commands write

/// The trace that examples are made of: 20 samples of one row, 6 points of 3 blocks, 24 units.
namespace rheo {
struct TraceInfo;
template <class T>
struct Array3;
}  // namespace rheo
rheo::TraceInfo exampleInfo();
rheo::Array3<float> exampleStates(const rheo::TraceInfo& info, std::uint64_t seed);
