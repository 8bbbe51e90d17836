#include "core/analysis/tile_ranks.h"

#include <algorithm>

#include "core/analysis/lanes.h"

namespace rheo {

namespace {

/// Each number is made by one rank, and zero of all others: their sum is it.
template <class Clear>
void join(const Ranks& ranks, std::int64_t units, double* values, Eigen::Index size, Clear clear) {
    if (ranks.alone() || size == 0) return;
    for (std::int64_t tile = 0; tile * tileUnits < units; ++tile)
        if (!takesTile(ranks, tile)) clear(tile * tileUnits, std::min(tileUnits, units - tile * tileUnits));
    sumOverRanks(ranks, {values, static_cast<std::size_t>(size)});
}

}  // namespace

void joinUnitColumns(const Ranks& ranks, MatrixD& table) {
    join(ranks, table.cols(), table.data(), table.size(),
         [&](std::int64_t first, std::int64_t units) { table.middleCols(first, units).setZero(); });
}

void joinUnitRows(const Ranks& ranks, MatrixD& table) {
    join(ranks, table.rows(), table.data(), table.size(),
         [&](std::int64_t first, std::int64_t units) { table.middleRows(first, units).setZero(); });
}

void joinUnits(const Ranks& ranks, VectorD& values) {
    join(ranks, values.size(), values.data(), values.size(),
         [&](std::int64_t first, std::int64_t units) { values.segment(first, units).setZero(); });
}

}  // namespace rheo
