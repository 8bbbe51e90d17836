#pragma once

#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/statistics/autoencoder.h"
#include "core/statistics/correlation.h"
#include "core/statistics/density.h"
#include "core/statistics/dimension.h"
#include "core/statistics/divergence.h"
#include "core/statistics/linear_step.h"
#include "core/statistics/motion.h"
#include "core/statistics/mutual_information.h"
#include "core/statistics/pca.h"
#include "core/statistics/rotation.h"
#include "core/statistics/statistic.h"

namespace rheo {

template <class... S>
struct StatisticList {};

/// All statistics of a trace: a new one has its row here, and nothing else names it. In the order in which
/// results and curves are listed.
using AllStatistics = StatisticList<Density, Correlation, Motion, Divergence, Dimension, LinearStep, Rotation,
                                    MutualInformation, Pca, AutoencoderFit>;

/// Computed by a sweep that others share.
template <class S>
concept Swept = requires {
    typename S::Accumulator;
};

namespace detail {
/// Calls `use` for each type of the list, in order.
template <class Use, class... S>
void forEach(StatisticList<S...>, Use& use) {
    (use.template operator()<S>(), ...);
}
}  // namespace detail

/// Calls `use.operator()<S>()` for the description S of each statistic: forEachStatistic([&]<class S>()
/// {...}).
template <class Use>
void forEachStatistic(Use use) {
    detail::forEach(AllStatistics{}, use);
}

/// The same of those that a sweep computes.
template <class Use>
void forEachSwept(Use use) {
    forEachStatistic([&]<class S>() {
        if constexpr (Swept<S>) use.template operator()<S>();
    });
}

/// A value of each statistic, or none. `Of<S>` is its type.
template <template <class> class Of, class List = AllStatistics>
class PerStatistic;
template <template <class> class Of, class... S>
class PerStatistic<Of, StatisticList<S...>> {
    template <class T>
    struct Slot {
        std::optional<Of<T>> value;
    };
    std::tuple<Slot<S>...> m_slots;

public:
    template <class T>
    std::optional<Of<T>>& get() {
        return std::get<Slot<T>>(m_slots).value;
    }
    template <class T>
    const std::optional<Of<T>>& get() const {
        return std::get<Slot<T>>(m_slots).value;
    }
};

template <class S>
using ResultOf = typename S::Result;
template <class S>
using OptionsOf = typename S::Options;

/// Results of statistics: those that were computed. Of a surrogate they hold curves alone.
using Statistics = PerStatistic<ResultOf>;
/// Which statistics are wanted, and how.
using StatisticOptions = PerStatistic<OptionsOf>;

/// Rows of the table without their types, in its order.
const std::vector<StatisticInfo>& statisticInfos();

}  // namespace rheo
