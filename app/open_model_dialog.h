#pragma once

#include <QDialog>
#include <memory>

#include "core/checkpoint/checkpoint.h"
#include "core/model/model.h"

class QComboBox;
class QLabel;
class QSpinBox;

namespace rheo {

/// How a model is to be run: device, dtype and threads, with the memory it will need.
class OpenModelDialog : public QDialog {
    Q_OBJECT
public:
    OpenModelDialog(std::shared_ptr<const Checkpoint> checkpoint, QWidget* parent);
    ModelOptions options() const;

private:
    void forecast();

    std::shared_ptr<const Checkpoint> m_checkpoint;
    QComboBox* m_device;
    QComboBox* m_dtype;
    QSpinBox* m_threads;
    QLabel* m_forecast;
};

}  // namespace rheo
