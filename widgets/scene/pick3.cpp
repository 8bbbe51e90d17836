#include "widgets/scene/pick3.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rheo {

Projected3::Projected3(const Plot3D& plot, const Camera& camera, const PixelRect& view) {
    const Eigen::Vector2d centre(view.x + view.width / 2, view.y + view.height / 2);
    for (const auto& set : plot.lines) {
        if (!set.pickable || set.tags.size() + 1 != set.offsets.size()) continue;
        for (std::size_t line = 0; line + 1 < set.offsets.size(); ++line) {
            const std::size_t begin = m_places.size();
            for (auto i = set.offsets[line]; i < set.offsets[line + 1]; ++i) {
                const float* xyz = set.xyz.data() + std::size_t{3} * static_cast<std::size_t>(i);
                const auto screen = projectToScreen(camera, Eigen::Vector3d(xyz[0], xyz[1], xyz[2]));
                m_places.emplace_back(static_cast<float>(centre.x() + screen.x() * view.height / 2),
                                      static_cast<float>(centre.y() + screen.y() * view.height / 2),
                                      static_cast<float>(screen.z()));
            }
            m_lines.push_back({set.tags[line], begin, m_places.size()});
        }
    }
}

std::optional<Picked> Projected3::pick(double x, double y, double tolerance) const {
    const Eigen::Vector2f mouse(static_cast<float>(x), static_cast<float>(y));
    std::optional<Picked> best;
    float bestDistance = static_cast<float>(tolerance), bestDepth = -std::numeric_limits<float>::infinity();
    for (const auto& line : m_lines) {
        for (std::size_t i = line.begin; i + 1 < line.end; ++i) {
            const Eigen::Vector2f a = m_places[i].head<2>(), b = m_places[i + 1].head<2>();
            const Eigen::Vector2f along = b - a;
            const float squared = along.squaredNorm();
            const float t = squared > 0 ? std::clamp((mouse - a).dot(along) / squared, 0.0f, 1.0f) : 0.0f;
            const float distance = (mouse - a - t * along).norm();
            if (!(distance <= bestDistance)) continue;  // NaN is never near
            const float depth = m_places[i].z() + t * (m_places[i + 1].z() - m_places[i].z());
            // Half a pixel is no reason to prefer a line that lies behind.
            if (distance > bestDistance - 0.5f && depth < bestDepth) continue;
            bestDistance = distance;
            bestDepth = depth;
            best = Picked{line.tag, static_cast<std::int32_t>(i - line.begin + (t > 0.5f ? 1 : 0)),
                          static_cast<double>(distance)};
        }
    }
    return best;
}

std::vector<std::int64_t> Projected3::inside(const PixelRect& box) const {
    std::vector<std::int64_t> tags;
    for (const auto& line : m_lines)
        for (std::size_t i = line.begin; i < line.end; ++i) {
            const auto& at = m_places[i];
            if (at.x() < box.x || at.x() > box.x + box.width || at.y() < box.y || at.y() > box.y + box.height)
                continue;
            tags.push_back(line.tag);
            break;
        }
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    return tags;
}

}  // namespace rheo
