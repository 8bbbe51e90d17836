#include "core/statistics/table.h"

namespace rheo {

const std::vector<StatisticInfo>& statisticInfos() {
    static const std::vector<StatisticInfo> infos = [] {
        std::vector<StatisticInfo> list;
        forEachStatistic([&]<class S>() { list.push_back(S::info); });
        return list;
    }();
    return infos;
}

}  // namespace rheo
