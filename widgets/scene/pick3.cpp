#include "widgets/scene/pick3.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rheo {

namespace {

constexpr float asNear = 0.5f;  // pixels: nearer by less is no reason to prefer a line that lies behind

}  // namespace

Projected3::Projected3(const Plot3D& plot, const Camera& camera, const PixelRect& view) {
    const Eigen::Vector2d centre(view.x + view.width / 2, view.y + view.height / 2);
    const CameraFrame frame = cameraFrame(camera);
    const double eye = camera.perspective ? eyeDistance(camera) : std::numeric_limits<double>::infinity();
    for (const auto& set : plot.lines) {
        if (!set.pickable || set.tags.size() + 1 != set.offsets.size()) continue;
        for (std::size_t line = 0; line + 1 < set.offsets.size(); ++line) {
            const std::size_t begin = m_places.size();
            for (auto i = set.offsets[line]; i < set.offsets[line + 1]; ++i) {
                const float* xyz = set.xyz.data() + std::size_t{3} * static_cast<std::size_t>(i);
                const auto screen = projectToScreen(camera, frame, Eigen::Vector3d(xyz[0], xyz[1], xyz[2]));
                const Eigen::Vector2d at = centre + screen.head<2>() * (view.height / 2);
                // Written so that a NaN is behind the eye as well.
                if (screen.z() < eye)
                    m_places.emplace_back(at.x(), at.y(), screen.z());
                else
                    m_places.push_back(Eigen::Vector3f::Constant(std::numeric_limits<float>::quiet_NaN()));
            }
            m_lines.push_back({set.tags[line], begin, m_places.size(), set.layer});
        }
    }
}

std::optional<Picked> Projected3::pick(double x, double y, double tolerance) const {
    struct Candidate {
        Picked picked;
        int layer;
        float depth;
    };
    const Eigen::Vector2f mouse(static_cast<float>(x), static_cast<float>(y));
    const float most = static_cast<float>(tolerance);
    float nearest = most;
    std::vector<Candidate> candidates;
    for (const auto& line : m_lines) {
        for (std::size_t i = line.begin; i + 1 < line.end; ++i) {
            const Eigen::Vector2f a = m_places[i].head<2>(), b = m_places[i + 1].head<2>();
            const Eigen::Vector2f along = b - a;
            const float squared = along.squaredNorm();
            const float t = squared > 0 ? std::clamp((mouse - a).dot(along) / squared, 0.0f, 1.0f) : 0.0f;
            const float distance = (mouse - a - t * along).norm();
            if (!(distance <= std::min(most, nearest + asNear))) continue;  // a NaN is never near
            nearest = std::min(nearest, distance);
            candidates.push_back({{line.tag, static_cast<std::int32_t>(i - line.begin + (t > 0.5f ? 1 : 0)),
                                   static_cast<double>(distance)},
                                  line.layer,
                                  m_places[i].z() + t * (m_places[i + 1].z() - m_places[i].z())});
        }
    }
    const Candidate* best = nullptr;
    for (const auto& candidate : candidates) {
        if (candidate.picked.distance > static_cast<double>(nearest + asNear)) continue;
        if (best == nullptr || candidate.layer > best->layer ||
            (candidate.layer == best->layer && candidate.depth > best->depth))
            best = &candidate;
    }
    return best != nullptr ? std::optional(best->picked) : std::nullopt;
}

template <class IsInside>
std::vector<std::int64_t> Projected3::tagsWhere(IsInside&& isInside) const {
    std::vector<std::int64_t> tags;
    for (const auto& line : m_lines)
        for (std::size_t i = line.begin; i < line.end; ++i)
            if (isInside(m_places[i].x(), m_places[i].y())) {
                tags.push_back(line.tag);
                break;
            }
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    return tags;
}

std::vector<std::int64_t> Projected3::inside(const PixelRect& box) const {
    return tagsWhere([&](double x, double y) {
        return x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
    });
}

std::vector<std::int64_t> Projected3::insideOutline(const std::vector<Eigen::Vector2d>& outline) const {
    Eigen::AlignedBox2d around;
    for (const auto& corner : outline) around.extend(corner);
    return tagsWhere([&](double x, double y) {
        if (!around.contains(Eigen::Vector2d(x, y))) return false;
        bool inside = false;  // edges that a ray to the right crosses
        for (std::size_t i = 0, before = outline.size() - 1; i < outline.size(); before = i++) {
            const Eigen::Vector2d &a = outline[before], &b = outline[i];
            if ((a.y() > y) != (b.y() > y) && x < a.x() + (b.x() - a.x()) * (y - a.y()) / (b.y() - a.y()))
                inside = !inside;
        }
        return inside;
    });
}

}  // namespace rheo
