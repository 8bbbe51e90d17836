#pragma once

#include <cstdint>

#include "core/base/array.h"
#include "core/base/ranks.h"

/// Statistics of single units, where ranks share the tiles of units: each rank feeds and closes those that it
/// takes, with all rows, and what they gave is joined. The numbers have the same bits as those of one rank.
namespace rheo {

/// Whether `ranks.rank` takes this tile: they take turns.
inline bool takesTile(const Ranks& ranks, std::int64_t tile) {
    return tile % ranks.size == ranks.rank;
}

/// Of a table with a column, or a row, for each unit, this rank has those of its tiles; afterwards all have
/// all.
void joinUnitColumns(const Ranks& ranks, MatrixD& table);
void joinUnitRows(const Ranks& ranks, MatrixD& table);
void joinUnits(const Ranks& ranks, VectorD& values);

}  // namespace rheo
