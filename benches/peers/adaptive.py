"""The second peer: diffrax, adaptive, stopping at every sample, where the inputs have kinks or jumps."""
import diffrax
import jax
import jax.numpy as jnp

from network import derivative, drive

STEPS_PER_SAMPLE = 64  # more means that the tolerance is out of reach


def gradient_by_tolerance(problem, solver):
    """The function (parameters, tolerance) -> cost and gradient: compiled once for all tolerances."""
    time, inputs, targets = (jnp.asarray(values) for values in (problem.time, problem.inputs, problem.targets))

    def inputs_at(t):
        k = jnp.clip(jnp.searchsorted(time, t, side="right") - 1, 0, time.size - 2)
        s = 0.0 if problem.is_held else (t - time[k]) / (time[k + 1] - time[k])
        return inputs[k] + s * (inputs[k + 1] - inputs[k])

    # A jump makes diffrax evaluate the field on either side of it; a kink needs only a stop.
    stops = dict(jump_ts=time[1:-1]) if problem.is_held else dict(step_ts=time[1:-1])

    def cost(parameters, tolerance):
        controller = diffrax.ClipStepSizeController(diffrax.PIDController(rtol=tolerance, atol=tolerance), **stops)
        rhs = derivative(parameters)
        term = diffrax.ODETerm(lambda t, state, _: rhs(state, drive(parameters, inputs_at(t))))
        solution = diffrax.diffeqsolve(
            term, solver, time[0], time[-1], time[1] - time[0], problem.state, stepsize_controller=controller,
            saveat=diffrax.SaveAt(ts=time[1:]), max_steps=STEPS_PER_SAMPLE * targets.shape[0])
        return jnp.mean((solution.ys[-1] - targets) ** 2)

    return jax.jit(jax.value_and_grad(cost))
