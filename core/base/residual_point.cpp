#include "core/base/residual_point.h"

#include <array>
#include <charconv>
#include <utility>

namespace rheo {

namespace {

constexpr std::array<std::pair<Site, std::string_view>, 5> siteNames{{
    {Site::AttnIn, "attn_in"},
    {Site::MlpIn, "mlp_in"},
    {Site::BlockIn, "block_in"},
    {Site::Final, "final"},
    {Site::Unnamed, "unnamed"},
}};

std::string twoDigits(int number) {
    const std::string digits = std::to_string(number);
    return digits.size() < 2 ? "0" + digits : digits;
}

std::optional<int> parseNumber(std::string_view digits) {
    int value = -1;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc{} || end != digits.data() + digits.size() || value < 0) return std::nullopt;
    return value;
}

}  // namespace

std::string_view siteName(Site site) {
    for (const auto& [key, name] : siteNames)
        if (key == site) return name;
    return "unnamed";
}

std::optional<Site> parseSite(std::string_view name) {
    for (const auto& [key, known] : siteNames)
        if (known == name) return key;
    return std::nullopt;
}

std::string pointName(const ResidualPoint& point) {
    if (point.site == Site::Final) return "final";
    if (point.site == Site::Unnamed) return "P" + twoDigits(point.block);
    return "L" + twoDigits(point.block) + "." + std::string(siteName(point.site));
}

std::optional<ResidualPoint> parsePointName(std::string_view name) {
    if (name == "final") return ResidualPoint{-1, Site::Final};
    if (name.size() < 2) return std::nullopt;
    if (name[0] == 'P') {
        const auto number = parseNumber(name.substr(1));
        if (!number) return std::nullopt;
        return ResidualPoint{*number, Site::Unnamed};
    }
    const auto dot = name.find('.');
    if (name[0] != 'L' || dot == std::string_view::npos) return std::nullopt;
    const auto block = parseNumber(name.substr(1, dot - 1));
    const auto site = parseSite(name.substr(dot + 1));
    if (!block || !site || *site == Site::Final || *site == Site::Unnamed) return std::nullopt;
    return ResidualPoint{*block, *site};
}

std::vector<ResidualPoint> residualPoints(int layers, bool parallelBlocks) {
    std::vector<ResidualPoint> points;
    for (int block = 0; block < layers; ++block) {
        if (parallelBlocks) {
            points.push_back({block, Site::BlockIn});
        } else {
            points.push_back({block, Site::AttnIn});
            points.push_back({block, Site::MlpIn});
        }
    }
    points.push_back({-1, Site::Final});
    return points;
}

}  // namespace rheo
