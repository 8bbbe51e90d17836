#include "core/results/curves_file.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace rheo {

namespace {

bool isAlongDepth(Along axis) {
    return axis == Along::Points || axis == Along::Steps || axis == Along::Bends;
}

using Field = std::pair<const char*, VectorD NullSummary::*>;
constexpr std::array<Field, 7> fields{{{"mean", &NullSummary::mean},
                                       {"low", &NullSummary::low},
                                       {"high", &NullSummary::high},
                                       {"z", &NullSummary::z},
                                       {"p_upper", &NullSummary::pUpper},
                                       {"p_lower", &NullSummary::pLower},
                                       {"p", &NullSummary::p}}};

bool isOf(const CurveNull& null, const StatisticCurve& curve) {
    return null.statistic == curve.statistic && null.dataset == curve.dataset;
}

std::string cell(double x) {
    return std::isfinite(x) ? fmt::format("{}", x) : std::string();
}

nlohmann::ordered_json listOf(const VectorD& values) {
    auto list = nlohmann::ordered_json::array();
    for (const double x : values) list.push_back(std::isfinite(x) ? nlohmann::ordered_json(x) : nullptr);
    return list;
}

}  // namespace

std::string curvesCsv(const Results& results) {
    std::string csv = "statistic,dataset,index,point,observed,null,mean,low,high,z,p_upper,p_lower,p\r\n";
    const auto& points = results.source.info.points;
    for (const auto& curve : allCurvesOf(results.statistics)) {
        const bool depth = isAlongDepth(curve.axis) && curve.values.size() > 1;
        for (Eigen::Index i = 0; i < curve.values.size(); ++i) {
            const std::string start = fmt::format("{},{},{},{},{},", curve.statistic, curve.dataset, i,
                                                  depth ? pointName(points[static_cast<std::size_t>(i)]) : "",
                                                  cell(curve.values[i]));
            bool any = false;
            for (const auto& null : results.nulls) {
                if (!isOf(null, curve)) continue;
                any = true;
                csv += start + null.null;
                for (const auto& [name, values] : fields)
                    csv += fmt::format(",{}", cell((null.summary.*values)[i]));
                csv += "\r\n";
            }
            if (!any) csv += start + ",,,,,,,\r\n";
        }
    }
    return csv;
}

std::string curvesJson(const Results& results) {
    nlohmann::ordered_json json;
    json["source"] = {{"path", results.source.path}, {"hash", results.source.hash}};
    auto& points = json["points"] = nlohmann::ordered_json::array();
    for (const auto& point : results.source.info.points) points.push_back(pointName(point));
    auto& curves = json["curves"] = nlohmann::ordered_json::array();
    for (const auto& curve : allCurvesOf(results.statistics)) {
        nlohmann::ordered_json item{
            {"statistic", curve.statistic}, {"dataset", curve.dataset}, {"values", listOf(curve.values)}};
        auto& nulls = item["nulls"] = nlohmann::ordered_json::object();
        for (const auto& null : results.nulls) {
            if (!isOf(null, curve)) continue;
            auto& one = nulls[null.null] = {{"repeats", null.summary.repeats}, {"seed", null.summary.seed}};
            for (const auto& [name, values] : fields) one[name] = listOf(null.summary.*values);
        }
        curves.push_back(std::move(item));
    }
    return json.dump(1) + "\n";
}

}  // namespace rheo
