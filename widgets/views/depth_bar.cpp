#include "widgets/views/depth_bar.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QSignalBlocker>
#include <QSlider>
#include <QToolButton>

namespace rheo {

namespace {

/// In the colour of the text, which a standard icon does not follow.
QIcon playIcon(bool playing, const QPalette& palette) {
    QPixmap picture(48, 48);
    picture.fill(Qt::transparent);
    QPainter painter(&picture);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(palette.color(QPalette::Active, QPalette::ButtonText));
    if (playing) {
        painter.drawRect(11, 8, 9, 32);
        painter.drawRect(28, 8, 9, 32);
    } else {
        painter.drawPolygon(QPolygon({{12, 6}, {12, 42}, {40, 24}}));
    }
    return QIcon(picture);
}

}  // namespace

DepthBar::DepthBar(Workspace& workspace, Selection& selection, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_selection(selection),
      m_player(selection),
      m_play(new QToolButton),
      m_slider(new QSlider(Qt::Horizontal)),
      m_name(new QLabel) {
    m_play->setIcon(playIcon(false, palette()));
    m_play->setToolTip(tr("Play depth (Space)"));
    m_play->setAccessibleName(tr("Play depth"));
    m_slider->setAccessibleName(tr("Depth"));
    m_slider->setToolTip(tr("Depth: [ and ] step, Space plays"));
    m_name->setMinimumWidth(m_name->fontMetrics().horizontalAdvance("L100.block_in  ") + 8);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(8, 2, 8, 2);
    layout->addWidget(m_play);
    layout->addWidget(new QLabel(tr("Depth")));
    layout->addWidget(m_slider, 1);
    layout->addWidget(m_name);
    connect(m_play, &QToolButton::clicked, &m_player, &DepthPlayer::toggle);
    connect(&m_player, &DepthPlayer::playingChanged, this,
            [this](bool playing) { m_play->setIcon(playIcon(playing, palette())); });
    connect(m_slider, &QSlider::valueChanged, this,
            [this](int value) { m_selection.selectPoint(PointIndex{value}); });
    connect(&m_selection, &Selection::pointChanged, this, &DepthBar::update);
    connect(&m_workspace, &Workspace::stateChanged, this, &DepthBar::update);
    connect(&m_workspace, &Workspace::modelChanged, this, &DepthBar::update);
    update();
}

void DepthBar::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange) m_play->setIcon(playIcon(m_player.isPlaying(), palette()));
}

void DepthBar::update() {
    const auto& points = m_workspace.points();
    setEnabled(!points.empty());
    const QSignalBlocker quiet(m_slider);
    m_slider->setRange(0, std::max<int>(0, static_cast<int>(points.size()) - 1));
    const auto at = m_selection.point().value();
    m_slider->setValue(static_cast<int>(at));
    m_name->setText(at < static_cast<std::int64_t>(points.size())
                        ? QString::fromStdString(pointName(points[static_cast<std::size_t>(at)]))
                        : QString());
}

}  // namespace rheo
