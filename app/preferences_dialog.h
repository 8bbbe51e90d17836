#pragma once

#include <QDialog>

#include "widgets/viewmodels/preferences.h"

class QComboBox;
class QLineEdit;
class QSpinBox;

namespace rheo {

/// What a person sets once: looks, what computes, and where models lie. Looks change at once, and go back
/// where the dialog is cancelled.
class PreferencesDialog : public QDialog {
    Q_OBJECT
public:
    explicit PreferencesDialog(const Preferences& preferences, QWidget* parent);

    /// As the dialog shows them.
    Preferences chosen() const;

    QComboBox* theme() const { return m_theme; }
    QSpinBox* fontSize() const { return m_fontSize; }
    QComboBox* colorMap() const { return m_colorMap; }
    QComboBox* device() const { return m_device; }
    QSpinBox* threads() const { return m_threads; }
    QSpinBox* memory() const { return m_memory; }
    QLineEdit* cache() const { return m_cache; }

Q_SIGNALS:
    /// Something else is chosen.
    void changed();

private:
    void show(const Preferences& preferences);
    void askCache();

    QComboBox* m_theme;
    QSpinBox* m_fontSize;
    QComboBox *m_colorMap, *m_device;
    QSpinBox *m_threads, *m_memory;
    QLineEdit* m_cache;
};

}  // namespace rheo
