#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/analysis/lanes.h"
#include "core/analysis/row_source.h"
#include "core/analysis/sampling_units.h"
#include "core/analysis/step_moments.h"
#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/base/random.h"

/// What a null is to code that names none: its texts, its colour, what it reads, and how its surrogates are
/// made. A null has a file of its own (`null_NAME.cpp`), which defines its NullSpec, and a row in
/// null_table.h.
namespace rheo {

/// What the surrogates of one null are made from.
struct NullInput {
    const RowSource& rows;
    std::uint64_t seed = 0;
    std::int64_t points = 0, units = 0, tiles = 0;
    StepMoments moments = {};    ///< of the kind that the null asks for
    SamplingUnits samples = {};  ///< of the rows, if the null asks for them

    /// The random numbers of one tile of one row.
    RandomStream randomOf(std::int64_t repeat, std::int64_t row, std::int64_t tile) const {
        return RandomStream(
            seed, static_cast<std::uint64_t>((repeat * rows.view().rowCount() + row) * (tiles + 1) + tile));
    }
    /// Random numbers that all units of a row share.
    RandomStream sharedRandomOf(std::int64_t repeat, std::int64_t row) const {
        return randomOf(repeat, row, tiles);  // the tile past the last one
    }
};

/// One tile of one row of one surrogate.
struct TilePlace {
    std::int64_t repeat, row, tile;
    std::int64_t firstUnit() const { return tile * tileUnits; }
};

/// Whole rows first .. first + count - 1 of one surrogate.
struct BlockPlace {
    std::int64_t repeat, first, count;
};

/// [step][row]: from which row each row takes this step.
using StepOrigins = std::vector<std::vector<std::int32_t>>;

/// A row of the table of nulls.
struct NullSpec {
    std::string_view name;     ///< in results files, and for --null: "sign_flip"
    std::string_view shows;    ///< how a surrogate is made, in one line
    std::string_view inWords;  ///< what a surrogate is, inside a sentence: "a random walk with the same .."
    /// Its colour in figures: of Theme::series, behind its end Theme::persistentNull; -1: that of all others.
    int series = -1;
    /// About what one core of a machine of 2024 takes to make a value, at some hundred units.
    double nanoseconds = 1;
    std::int64_t leastPoints = 2, leastRows = 1;

    StepMomentKind moments = StepMomentKind::None;  ///< anything else costs a pass over the trace
    bool usesSamples = false;                       ///< rows of a sampling unit are made alike

    /// How it is made, one of two ways. By tile: changes `path` [point, 64], which holds the observed path;
    /// units that are not there are 0. What is made depends on the seed and the place alone. Called from
    /// several threads, for 2 points or more.
    void (*makeTile)(const NullInput& input, const TilePlace& place, const double* observed,
                     double* path) = nullptr;
    /// Or by block, for what mixes rows or units: `paths` [row * point, unit].
    void (*makeBlock)(const NullInput& input, const BlockPlace& place, const StepOrigins& origins,
                      MatrixD& paths, const Progress& progress) = nullptr;
    /// Where makeBlock takes steps from other rows: drawn once a repeat.
    StepOrigins (*drawOrigins)(const NullInput& input, std::int64_t repeat) = nullptr;
    /// Single states that makeBlock reads for each row of so many points; nullptr: it reads rows as a whole.
    std::int64_t (*statesPerRow)(std::int64_t points) = nullptr;
};

}  // namespace rheo
