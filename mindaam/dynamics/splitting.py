"""Lie-Trotter splitting of the Fokker-Planck dynamics: the operators one after another, not all at once."""

from mindaam.dynamics.operators import correction, diffusion, drift, project


def lie_trotter_step(u, u_obs, kernel, nu, lam, variant):
    """Equation 17, one step of length variant.dt: u(t + dt) = project(correction(diffusion(drift(u)))).

    u, u_obs: densities [B,P,T]. kernel: [B,P,T,T], row-stochastic. nu, lam: diffusivity and relaxation rate [B,P,T].
    Returns densities [B,P,T].
    """
    dt = variant.dt
    u = drift(u, kernel, dt)
    if variant.diffusion:
        u = diffusion(u, nu, dt, variant.ends)
    if variant.correction:
        u = correction(u, u_obs, lam, dt)
    if variant.batch_mass:
        u = project(u, over_batch=True)
    return project(u)


def evolve(u_obs, kernel, nu, lam, variant):
    """Starts from what is observed and takes variant.steps steps with the same kernel and rates; [B,P,T]."""
    u = u_obs
    for _ in range(variant.steps):
        u = lie_trotter_step(u, u_obs, kernel, nu, lam, variant)
    return u
