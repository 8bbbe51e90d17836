#include "core/statistics/statistic.h"

#include <algorithm>

namespace rheo {

std::int64_t lengthAlong(Along axis, const Sizes& sizes) {
    switch (axis) {
        case Along::Points: return sizes.points;
        case Along::Steps: return std::max<std::int64_t>(0, sizes.points - 1);
        case Along::Bends: return std::max<std::int64_t>(0, sizes.points - 2);
        case Along::Units: return sizes.units;
        case Along::One: return 1;
        case Along::Blocks:
        case Along::Components: break;
    }
    return anySize;
}

const PointSpectra& SharedPointSpectra::get(Progress& progress) {
    if (!m_spectra) {
        progress.setStage("spectra of single points");
        m_spectra = pointSpectra(m_view, m_explained, m_threads, m_memoryBytes, progress);
    }
    return *m_spectra;
}

void Again::feedRows(RowStatistic& statistic, const Progress& progress) const {
    const Feed feed{&m_maker, m_repeat, {}, {&statistic}};
    Progress silent(progress.stopToken());
    sweep(m_source, {&feed, 1}, m_options, silent);
}

}  // namespace rheo
