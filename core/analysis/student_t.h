#pragma once

namespace rheo {

/// P(T > t) for Student's t with `degrees` > 0 degrees of freedom, by the incomplete beta function
/// (continued fraction of Lentz; Press et al., Numerical Recipes, 6.4). Relative error below 1e-10.
double studentTail(double t, double degrees);

/// The t with P(T > t) = p, 0 < p < 1: by bisection.
double studentQuantile(double p, double degrees);

}  // namespace rheo
